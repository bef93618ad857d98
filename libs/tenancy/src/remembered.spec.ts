import { LookUp, oneByOne, Remembered } from './remembered';

describe('Remembered', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const aLookUp = () =>
    jest.fn<ReturnType<LookUp<string>>, [string[]]>(async (keys) => keys.map((key) => `about ${key}`));
  let lookUp: ReturnType<typeof aLookUp>;
  let remembered: Remembered<string>;
  beforeEach(() => {
    lookUp = aLookUp();
    remembered = new Remembered(lookUp, 1_000, 10);
  });

  it('asks once, and gives at once what it knows', async () => {
    expect(await remembered.get('a')).toBe('about a');
    expect(remembered.get('a')).toBe('about a');
    expect(await remembered.get('b')).toBe('about b');
    expect(lookUp.mock.calls).toEqual([[['a']], [['b']]]);
  });

  it('asks once for all who ask at the same time', async () => {
    const all = [1, 2, 3].map(() => Promise.resolve(remembered.get('a')));
    expect(await Promise.all(all)).toEqual(Array(3).fill('about a'));
    expect(lookUp).toHaveBeenCalledTimes(1);
  });

  it('asks again after its time, or where a value ends sooner', async () => {
    const ending = new Remembered<string>(lookUp, 1_000, 10, () => Date.now() + 10);
    await Promise.all([remembered.get('a'), ending.get('a')]);
    jest.advanceTimersByTime(10);
    expect(remembered.get('a')).toBe('about a');
    await ending.get('a');
    expect(lookUp).toHaveBeenCalledTimes(3);
    jest.advanceTimersByTime(990);
    await remembered.get('a');
    expect(lookUp).toHaveBeenCalledTimes(4);
  });

  it('does not remember a failure, nor what was known before it', async () => {
    await remembered.get('a');
    jest.advanceTimersByTime(1_000);
    lookUp.mockResolvedValueOnce([new Error('gone')]);
    await expect(remembered.get('a')).rejects.toThrow('gone');
    lookUp.mockRejectedValueOnce(new Error('cut'));
    await expect(remembered.get('a')).rejects.toThrow('cut');
    expect(await remembered.get('a')).toBe('about a');
  });

  it('lets go of what was looked up first when it is full', async () => {
    remembered = new Remembered(lookUp, 1_000, 2);
    for (const key of ['a', 'b', 'c']) await remembered.get(key);
    expect(remembered.get('b')).toBe('about b');
    expect(remembered.get('c')).toBe('about c');
    expect(remembered.get('a')).toBeInstanceOf(Promise);
  });

  describe('has others looked up along with one', () => {
    it('that were used and are nearly over, so that nobody waits for them', async () => {
      for (const key of ['used', 'unused', 'over']) await remembered.get(key);
      void remembered.get('used');
      jest.advanceTimersByTime(800);
      await remembered.get('young');
      expect(lookUp).toHaveBeenLastCalledWith(['young', 'used']);
      void remembered.get('young');
      jest.advanceTimersByTime(200);
      expect(remembered.get('used')).toBe('about used'); // its time began anew
      await remembered.get('over');
      expect(lookUp).toHaveBeenLastCalledWith(['over']); // the young one is too young yet
    });

    it('each of which fails by itself', async () => {
      for (const key of ['a', 'b']) void (await remembered.get(key), remembered.get(key));
      jest.advanceTimersByTime(900);
      lookUp.mockResolvedValueOnce(['c', new Error('gone'), 'new']);
      expect(await remembered.get('c')).toBe('c');
      await expect(remembered.get('a')).resolves.toBe('about a'); // asked for anew
      expect(remembered.get('b')).toBe('new');
    });

    it('which all fail with it, and are still known', async () => {
      void (await remembered.get('a'), remembered.get('a'));
      jest.advanceTimersByTime(900);
      lookUp.mockRejectedValueOnce(new Error('cut'));
      await expect(remembered.get('b')).rejects.toThrow('cut');
      expect(remembered.get('a')).toBe('about a');
    });

    it('and no more than a hundred', async () => {
      remembered = new Remembered(lookUp, 1_000, 1_000);
      for (let n = 0; n < 150; n++) void (await remembered.get(`${n}`), remembered.get(`${n}`));
      jest.advanceTimersByTime(900);
      await remembered.get('another');
      expect(lookUp.mock.lastCall![0]).toHaveLength(101);
    });

    it('whoever asks for one of them meanwhile waits with it', async () => {
      void (await remembered.get('a'), remembered.get('a'));
      jest.advanceTimersByTime(900);
      let found: (all: string[]) => void = () => undefined;
      lookUp.mockReturnValueOnce(new Promise((resolve) => (found = resolve)));
      const b = remembered.get('b');
      jest.advanceTimersByTime(100);
      const a = remembered.get('a');
      found(['b', 'new']);
      expect([await a, await b]).toEqual(['new', 'b']);
      expect(lookUp).toHaveBeenCalledTimes(2);
    });
  });
});

describe('oneByOne', () => {
  it('gives an error for each that fails', async () => {
    const lookUp = oneByOne((key) => (key === 'a' ? Promise.resolve(1) : Promise.reject(new Error(key))));
    expect(await lookUp(['a', 'b', 'a'])).toEqual([1, new Error('b'), 1]);
  });
});
