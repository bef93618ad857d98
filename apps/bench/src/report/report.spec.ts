import { Figure, Measured } from './figure';
import { shortly, threeDigits, twoDecimals } from './format';
import { comparisonTable, growthTable, jobsTable, tenantsTable } from './table';
import { isMet, median, ratio } from './verdict';

const figure = (values: Partial<Figure> = {}): Figure => ({ title: 'read one', unit: 'requests/s', ...values });
const measured = (samples: Measured['samples'], values?: Partial<Figure>): Measured => ({
  figure: figure(values),
  samples,
});

describe('median', () => {
  it('is the middle, by value and not by the letters it is written with', () => expect(median([100, 9, 20])).toBe(20));
  it('lies between the two in the middle of an even number', () => expect(median([4, 1, 3, 2])).toBe(2.5));
  it('leaves what it is given as it was', () => {
    const rounds = [3, 1, 2];
    median(rounds);
    expect(rounds).toEqual([3, 1, 2]);
  });
});

describe('ratio', () => {
  it('is taken within each round, so that a slow round counts for both', () => {
    expect(ratio([10, 1, 8], [20, 2, 16])).toBe(0.5);
    expect(ratio([10, 2, 6], [20, 2, 4])).toBe(1); // of the medians it would be 1.5
  });
  it('is none when either lacks the thing', () => {
    expect(ratio({ lacks: 404 }, [1])).toBeNaN();
    expect(ratio([1], undefined)).toBeNaN();
  });
});

describe('isMet', () => {
  const samples = { bare: [100, 100, 100], plain: [40, 40, 40], ours: [70, 68, 72] };

  it('compares with a multiple of the other target, which may be reached exactly', () => {
    expect(isMet({ times: 0.7, of: 'bare' }, measured(samples), [measured(samples)])).toBe(true);
    expect(isMet({ times: 0.71, of: 'bare' }, measured(samples), [measured(samples)])).toBe(false);
    expect(isMet({ times: 1.75, of: 'plain' }, measured(samples), [measured(samples)])).toBe(true);
  });
  it('compares with another figure where the goal says so', () => {
    const other = measured({ bare: [50, 50, 50] }, { title: 'create' });
    const goal = { times: 1.4, of: 'bare', at: 'create' } as const;
    expect(isMet(goal, measured(samples), [measured(samples), other])).toBe(true);
    expect(isMet({ ...goal, times: 1.5 }, measured(samples), [measured(samples), other])).toBe(false);
  });
  it('wants less than a limit, and not as much', () => {
    expect(isMet({ below: 71 }, measured(samples), [])).toBe(true);
    expect(isMet({ below: 70 }, measured(samples), [])).toBe(false);
  });
  it('wants more than a limit, and not as much', () => {
    expect(isMet({ above: 69 }, measured(samples), [])).toBe(true);
    expect(isMet({ above: 70 }, measured(samples), [])).toBe(false);
  });
  it('is missed by whoever lacks the thing', () => {
    expect(isMet({ below: 100 }, measured({ ours: { lacks: 404 } }), [])).toBe(false);
  });
  it('is open when there is nothing to compare with', () => {
    const alone = measured({ ours: [1] });
    expect(isMet({ times: 2, of: 'plain' }, alone, [alone])).toBeUndefined();
    expect(isMet({ below: 100 }, measured({ ours: [NaN] }), [])).toBeUndefined();
  });
});

describe('the tables', () => {
  const row = (table: string): string => table.split('\n')[2].replace(/\s+/g, ' ');

  it('show medians, ratios, and whether each goal is reached', () => {
    const reading = measured(
      { bare: [14_200, 1, 90_000], plain: [4_000, 1, 25_000], ours: [7_000, 1, 45_000] },
      { atLeast: { times: 1.7, of: 'plain' }, target: { times: 0.7, of: 'bare' } },
    );
    expect(row(comparisonTable([reading]))).toBe(
      '| read one, requests/s | 14,200 | 4,000 | 7,000 | 0.28 | 0.50 | 1.75 | ✓ 1.7 × plain | ✗ 0.7 × bare |',
    );
  });
  it('say with which status a target lacks the thing, and that its goal is missed then', () => {
    const files = measured(
      { bare: [12], plain: [500], ours: { lacks: 404 } },
      { title: 'export: memory', unit: 'MB', atLeast: { below: 50 } },
    );
    expect(row(comparisonTable([files]))).toBe('| export: memory, MB | 12 | 500 | – (404) | | | | ✗ < 50 MB | |');
  });
  it('compare the largest table with the smallest', () => {
    const reading = measured({ '10k': [200, 200], '100k': [190, 190], '1M': [100, 120] });
    const table = growthTable([reading], [10_000, 100_000, 1_000_000]);
    expect(row(table)).toBe('| read one, requests/s | 200 | 190 | 110 | 0.55 |');
  });
  it('say how many times as long it takes among many tenants, and whether that is little enough', () => {
    const among = (rate: number) => measured({ alone: [1_000], among: [rate] }, { atMostTimes: 1.5 });
    const table = (rate: number) => row(tenantsTable([among(rate)], 1_000));
    expect(table(500)).toBe('| read one, requests/s | 1,000 | 500 | 2.00 | ✗ 1.5 |');
    expect(table(800)).toMatch('| 1.25 | ✓ 1.5 |');
    const memory = measured({ alone: [3], among: [30] }, { unit: 'MB' });
    expect(row(tenantsTable([memory], 1_000))).toBe('| read one, MB | 3 | 30 | | |');
  });
  it('say how many jobs are done in a second, and whether that is enough', () => {
    const jobs = { title: 'leave 10k', unit: 'jobs/s', atLeast: { above: 5_000 } } as const;
    expect(row(jobsTable([measured({ ours: [9_000, 12_300] }, jobs)]))).toBe(
      '| leave 10k, jobs/s | 10,700 | ✓ > 5,000 jobs/s |',
    );
  });
  it('have columns that stand below each other', () => {
    const table = comparisonTable([measured({ bare: [1], plain: [1], ours: [1] }, { title: 'a long title' })]);
    expect(new Set(table.split('\n').map(({ length }) => length)).size).toBe(1);
  });
});

describe('numbers', () => {
  it('are counted in thousands and millions', () =>
    expect([999, 1_000, 50_000, 1_000_000].map(shortly)).toEqual(['999', '1k', '50k', '1M']));
  it('that were measured have three digits, and ratios two decimals', () => {
    expect([123_456, 12.345, 0.71828, NaN].map(threeDigits)).toEqual(['123,000', '12.3', '0.718', '–']);
    expect([12.346, 0.5, NaN].map(twoDecimals)).toEqual(['12.35', '0.50', '–']);
  });
});
