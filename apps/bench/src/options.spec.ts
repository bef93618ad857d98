import { readOptions } from './options';

const PARTS = ['growth', 'kinds', 'tenants', 'jobs'] as const;
const names = (...args: string[]): string[] => readOptions(args).workloads.map(({ name }) => name);

describe('The options of the bench', () => {
  it('ask for everything when nothing is said', () => {
    expect(names()).toContain('read-one');
    for (const part of PARTS) expect(readOptions([])[part]).not.toEqual([]);
    expect(readOptions([])).toMatchObject({ plan: { imported: 1_000_000 }, json: undefined });
  });
  it('choose workloads by their names, of which a quick run leaves out the longest', () => {
    expect(names('--only', 'import', '--only', 'read-one')).toEqual(['read-one', 'import']);
    for (const part of PARTS) {
      expect(readOptions(['--only', 'import'])[part]).toEqual([]);
      expect(names('--only', part)).toEqual([]);
      expect(readOptions(['--quick', '--only', part])[part]).not.toEqual([]);
      expect(readOptions(['--quick'])[part]).toEqual([]);
    }
    expect(names('--quick')).toEqual(names().filter((name) => name !== 'create-50k'));
  });
  it('are refused for a workload there is not, naming those there are', () => {
    expect(() => readOptions(['--only', 'read-two'])).toThrow(/"read-two": choose from read-one, .*growth/);
  });
});

describe.each([['full'], ['quick']])('The %s plan', (plan) => {
  const { workloads } = readOptions(plan === 'quick' ? ['--quick'] : []);
  const figures = workloads.flatMap((workload) => workload.figures);

  it('has no two figures with one title', () => {
    const titles = figures.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
  it('sets no goal by a figure that nobody measures', () => {
    const goals = figures.flatMap(({ atLeast, target }) => [atLeast, target]);
    const others = goals.flatMap((goal) => (goal && 'times' in goal && goal.at ? [goal.at] : []));
    expect(others).not.toEqual([]);
    expect(figures.map(({ title }) => title)).toEqual(expect.arrayContaining(others));
  });
});
