import { barOf, inLines, withProgress } from './progress';

describe('withProgress', () => {
  let written: string[];
  let said: string[];
  const terminal = (isTTY: boolean) =>
    ({ isTTY, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;
  beforeEach(() => {
    [written, said] = [[], []];
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean(said.push(String(text))));
  });
  afterEach(() => jest.restoreAllMocks());

  it('draws a bar on a terminal, takes it away for a line and at the end', async () => {
    await withProgress(
      'tenants',
      async ({ say, follow }) => {
        follow!(100, 100);
        say('Set tenant x aside.');
        follow!(100, 100);
      },
      terminal(true),
    );
    const bar = `[${'#'.repeat(30)}] 100 of 100 tenants`;
    expect(written).toEqual([bar, '\r\u001b[K', bar, '\r\u001b[K']);
    expect(said).toEqual(['Set tenant x aside.\n']);
  });

  it('redraws it at most ten times a second, and always when all is done', async () => {
    jest.spyOn(Date, 'now').mockReturnValue(1_000_000);
    await withProgress(
      'tenants',
      async ({ follow }) => {
        for (let n = 1; n <= 50; n++) follow!(n, 50);
      },
      terminal(true),
    );
    expect(written.filter((text) => text.startsWith('['))).toHaveLength(2);
  });

  it('draws none elsewhere', async () => {
    await withProgress('tenants', async ({ follow }) => expect(follow).toBeUndefined(), terminal(false));
    expect(written).toEqual([]);
  });
});

describe('barOf', () => {
  it.each([
    [0, 3, '[..............................] 0 of 3 rows'],
    [1, 3, '[##########....................] 1 of 3 rows'],
    [1_500, 3_000, '[###############...............] 1,500 of 3,000 rows'],
    [12_345, undefined, '12,345 rows'],
  ])('%i of %s', (done, total, bar) => expect(barOf(done, total, 'rows')).toBe(bar));
});

describe('inLines', () => {
  it('says how far it is every five seconds', () => {
    const lines: string[] = [];
    const now = jest.spyOn(Date, 'now').mockReturnValue(0);
    const follow = inLines('rows', (line) => lines.push(line));
    for (let second = 1; second <= 11; second++) {
      now.mockReturnValue(second * 1_000);
      follow(second * 1_000, second > 5 ? 20_000 : undefined);
    }
    expect(lines).toEqual(['5,000 rows', '10,000 of 20,000 rows']);
    now.mockRestore();
  });
});
