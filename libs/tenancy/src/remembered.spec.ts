import { Remembered } from './remembered';

describe('Remembered', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const asking = () => jest.fn((key: string) => Promise.resolve(`about ${key}`));

  it('asks once, and gives at once what it knows', async () => {
    const [remembered, ask] = [new Remembered<string>(1_000, 10), asking()];
    expect(await remembered.get('a', ask)).toBe('about a');
    expect(remembered.get('a', ask)).toBe('about a');
    expect(await remembered.get('b', ask)).toBe('about b');
    expect(ask.mock.calls).toEqual([['a'], ['b']]);
  });

  it('asks once for all who ask at the same time', async () => {
    const [remembered, ask] = [new Remembered<string>(1_000, 10), asking()];
    const all = [1, 2, 3].map(() => Promise.resolve(remembered.get('a', ask)));
    expect(await Promise.all(all)).toEqual(Array(3).fill('about a'));
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it('asks again after its time, or where a value ends sooner', async () => {
    const ask = asking();
    const plain = new Remembered<string>(1_000, 10);
    const ending = new Remembered<string>(1_000, 10, () => Date.now() + 10);
    await Promise.all([plain.get('a', ask), ending.get('a', ask)]);
    jest.advanceTimersByTime(10);
    expect(plain.get('a', ask)).toBe('about a');
    await ending.get('a', ask);
    expect(ask).toHaveBeenCalledTimes(3);
    jest.advanceTimersByTime(990);
    await plain.get('a', ask);
    expect(ask).toHaveBeenCalledTimes(4);
  });

  it('does not remember a failure, nor what was known before it', async () => {
    const remembered = new Remembered<string>(1_000, 10);
    await remembered.get('a', asking());
    jest.advanceTimersByTime(1_000);
    await expect(remembered.get('a', () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
    const ask = asking();
    await remembered.get('a', ask);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it('lets go of what was looked up first when it is full', async () => {
    const [remembered, ask] = [new Remembered<string>(1_000, 2), asking()];
    for (const key of ['a', 'b', 'c']) await remembered.get(key, ask);
    expect(remembered.get('b', ask)).toBe('about b');
    expect(remembered.get('c', ask)).toBe('about c');
    expect(remembered.get('a', ask)).toBeInstanceOf(Promise);
  });
});
