import { currentUnit } from '@app/database';
import { isRefused, Verb, writeEach } from './write-each';

jest.mock('@app/database', () => ({
  ...jest.requireActual<object>('@app/database'),
  currentUnit: jest.fn(),
}));

const errorOf = (code: string) => Object.assign(new Error(code), { code });
const CAUSE = { status: 422, code: 'invalid', detail: 'Bad.', pointer: '' };

/** A verb that cannot write what is `bad`, foresees what is `foreseen`, and counts its attempts. */
function verbWith(bad: number[], foreseen: number[] = [], code = '22003') {
  const attempts: number[][] = [];
  const verb: Verb<number, object> = {
    write: async (items) => {
      attempts.push(items);
      if (items.some((item) => bad.includes(item))) throw errorOf(code);
      return items.map((item) => ({ status: 'created', id: String(item) }));
    },
    causes: async (items) => new Map(items.filter((item) => foreseen.includes(item)).map((item) => [item, [CAUSE]])),
    causeOf: (error) => (/^2[23]/.test((error as Error).message) ? CAUSE : undefined),
  };
  return { verb, attempts };
}
const ITEMS = Array.from({ length: 1_000 }, (_item, n) => n);

beforeEach(() => {
  jest.mocked(currentUnit).mockReturnValue({ attempt: (work: () => unknown) => work() } as never);
});

describe('writeEach()', () => {
  const refusedBy = async (verb: Verb<number, object>) => {
    const outcomes = await writeEach(ITEMS, verb);
    expect(outcomes.size).toBe(ITEMS.length);
    return ITEMS.filter((item) => isRefused(outcomes.get(item)!));
  };

  it('writes all at once when nothing is wrong', async () => {
    const { verb, attempts } = verbWith([]);
    expect(await refusedBy(verb)).toEqual([]);
    expect(attempts).toHaveLength(1);
  });

  it('leaves out what is foreseen, and writes the rest at once', async () => {
    const { verb, attempts } = verbWith([3, 500], [3, 500]);
    expect(await refusedBy(verb)).toEqual([3, 500]);
    expect(attempts).toHaveLength(2);
  });

  it('finds by halving what nothing foresees, without trying item by item', async () => {
    const { verb, attempts } = verbWith([3, 500, 999], [500]);
    expect(await refusedBy(verb)).toEqual([3, 500, 999]);
    expect(attempts.length).toBeLessThan(50);
  });

  it('runs again, whole, what lost a race for a key', async () => {
    const { verb, attempts } = verbWith([7], [], '23505');
    const { write } = verb;
    verb.write = async (items) =>
      attempts.length === 2 ? items.map((item) => ({ status: 'updated', id: String(item) })) : write(items);
    expect(await refusedBy(verb)).toEqual([]);
    expect(attempts).toEqual([ITEMS, ITEMS]);
  });

  it('throws what is not the fault of the values', async () => {
    const { verb } = verbWith([7], [], '57P01');
    await expect(writeEach(ITEMS, verb)).rejects.toThrow('57P01');
  });

  it('answers nothing for nothing, without asking the database', async () => {
    const { verb, attempts } = verbWith([]);
    expect((await writeEach([], verb)).size).toBe(0);
    expect(attempts).toEqual([]);
  });
});
