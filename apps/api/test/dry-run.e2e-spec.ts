import type { Response, Test } from 'supertest';
import { currentUnit } from '@app/database';
import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, Maker, Model, MODELS, reviews, Values } from './models';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());

/** A way to write many items. */
interface Verb {
  name: string;
  request(): Test;
  /** How its body holds the items; without: it is them. */
  wrap?(items: unknown[]): object;
  /** Items it would write. */
  good(): Promise<unknown[]>;
  /** Items it would not, each kind by itself. */
  faults(): Promise<unknown[][]>;
}

describe.each(MODELS)('a dry run under $path', (model: Model) => {
  const { path, naturalKey, mandatory, beyondKey, change, wrong } = model;
  let make: Maker;
  beforeAll(async () => (make = await model.prepare(api)));

  const makeMany = (n: number): Values[] => Array.from({ length: n }, () => make());
  const create = async (path: string, values: Values): Promise<string> =>
    (await api.http.post(path).send(values).expect(201)).body.id;
  const createMany = async (n: number): Promise<Values[]> => {
    const { body } = await api.http.post(`${path}/bulk`).send(makeMany(n)).expect(201);
    return (await api.http.post(`${path}/bulk/read`).send({ ids: body.ids })).body.items;
  };
  const keyOf = (values: Values): Values => Object.fromEntries(naturalKey.map((field) => [field, values[field]]));
  const without = (values: Values, left: string): Values =>
    Object.fromEntries(Object.entries(values).filter(([field]) => field !== left));
  const takenKey = async (): Promise<Values> => keyOf((await createMany(1))[0]);

  /** Values that refer to no record, and to a deleted one, if the model refers to any. */
  const dangling = async (): Promise<Values[]> => {
    if (model !== reviews) return [];
    const criticId = await create(critics.path, aCritic());
    await api.http.delete(`${critics.path}/${criticId}`).expect(204);
    return [{ bookId: UNKNOWN_ID }, { criticId }];
  };
  /** Records that cannot be deleted, if the model has any. */
  const referenced = async (): Promise<string[]> => {
    if (model !== books) return [];
    const [criticId, bookId] = [await create(critics.path, aCritic()), await create(books.path, aBook())];
    await create(reviews.path, aReview({ criticId, bookId }));
    return [bookId];
  };

  const VERBS: Verb[] = [
    {
      name: 'POST',
      request: () => api.http.post(`${path}/bulk`),
      good: async () => makeMany(3),
      faults: async () => [
        [7],
        [{ ...make(), evil: 1, [wrong.field]: wrong.value }],
        [without(make(), mandatory)],
        [{ ...make(), ...(await takenKey()) }],
        Array(2).fill(make()),
        ...(await dangling()).map((values) => [{ ...make(), ...values }]),
      ],
    },
    {
      name: 'PUT',
      request: () => api.http.put(`${path}/bulk`),
      good: async () => [make(), { ...(await takenKey()), ...change }, make(), await takenKey()],
      faults: async () => [
        [7],
        [{ ...make(), evil: 1, [wrong.field]: wrong.value }],
        [{ ...make(), [naturalKey[0]]: null }],
        ...(beyondKey ? [[without(make(), beyondKey)]] : []),
        Array(2).fill(make()),
        ...(await dangling()).map((values) => [{ ...make(), ...values }]),
      ],
    },
    {
      name: 'PATCH',
      request: () => api.http.patch(`${path}/bulk`),
      good: async () => {
        const [changed, same, versioned] = await createMany(3);
        return [{ id: changed.id, ...change }, { id: same.id }, { id: versioned.id, version: 1, ...change }];
      },
      faults: async () => {
        const [one, two, three, four, five, ...more] = await createMany(7);
        return [
          [{ id: UNKNOWN_ID, ...change }],
          [{ id: one.id, evil: 1, [wrong.field]: wrong.value }],
          [{ id: two.id, [mandatory]: null }],
          [{ id: three.id, version: 2, ...change }],
          [{ id: four.id, ...(await takenKey()) }],
          [{ id: five.id }, { id: five.id, ...change }],
          ...(await dangling()).map((values, n) => [{ id: more[n].id, ...values }]),
        ];
      },
    },
    {
      name: 'DELETE',
      request: () => api.http.post(`${path}/bulk/delete`),
      wrap: (ids) => ({ ids }),
      good: async () => (await createMany(3)).map(({ id }) => id),
      faults: async () => [
        [UNKNOWN_ID],
        Array(2).fill((await createMany(1))[0].id),
        ...(await referenced()).map((id) => [id]),
      ],
    },
  ];

  /** Every row of the table, as text. */
  const stored = (): Promise<string> =>
    api.inTenant(async () =>
      JSON.stringify(await currentUnit().manager.query(`SELECT * FROM ${model.table} ORDER BY id`)),
    );

  describe.each(VERBS)('$name in bulk', ({ request, wrap = (items) => items, good, faults }) => {
    /** Demands of a dry run that it answers as the real run does, and writes nothing. Tells whether the real run did. */
    const expectSame = async (items: unknown[], query: Values, prefer = 'return=minimal'): Promise<boolean> => {
      const send = (query: Values) => request().query(query).set('Prefer', prefer).send(wrap(items));
      const before = await stored();
      const dry = await send({ ...query, dryRun: true });
      expect(await stored()).toBe(before);
      const real = await send(query);
      expect(answerOf(dry, before)).toEqual(answerOf(real, before));
      return (await stored()) !== before;
    };

    it.each([
      ['atomic', 'return=minimal'],
      ['atomic', 'return=representation'],
      ['partial', 'return=minimal'],
      ['partial', 'return=representation'],
    ])('tells of good and bad items what the real run does, mode=%s, Prefer: %s', async (mode, prefer) => {
      expect(await expectSame(await good(), { mode }, prefer)).toBe(true);
      const mixed = [...(await good()), ...(await faults()).flat(), ...(await good())];
      expect(await expectSame(mixed, { mode }, prefer)).toBe(mode === 'partial');
    });

    it('finds each fault that the real run finds, where there is only one', async () => {
      const items = await good();
      for (const fault of await faults()) expect(await expectSame([...items, ...fault], {})).toBe(false);
    });
  });
});

/** An answer without what is another in each: the id of the request, and ids and times that were not there `before`. */
function answerOf({ status, text, headers }: Response, before: string): object {
  const names = new Map<string, string>();
  const body = text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, (word) => {
    if (before.includes(word) || word === UNKNOWN_ID) return word;
    if (!names.has(word)) names.set(word, word.includes('T') ? 'a new time' : `new id ${names.size}`);
    return names.get(word)!;
  });
  const { date: _d, ratelimit: _l, 'x-request-id': _r, ...rest } = headers as Values;
  return { status, body: JSON.parse(body), headers: rest };
}
