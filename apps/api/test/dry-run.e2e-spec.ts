import type { Response, Test } from 'supertest';
import { currentUnit } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { books, critics, Maker, Model, MODELS, reviews, Values } from './models';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());

describe.each(MODELS)('a dry run under $path', (model: Model) => {
  const { path, naturalKey, mandatory, beyondKey, change, wrong } = model;
  let make: Maker;
  beforeAll(async () => (make = await model.prepare(api)));

  const makeMany = (n: number): Values[] => Array.from({ length: n }, () => make());
  const createMany = async (n: number): Promise<Values[]> => {
    const { body } = await api.http.post(`${path}/bulk`).send(makeMany(n)).expect(201);
    return (await api.http.post(`${path}/bulk/read`).send({ ids: body.ids })).body.items;
  };
  const keyOf = (values: Values): Values => Object.fromEntries(naturalKey.map((field) => [field, values[field]]));
  const without = (values: Values, ...fields: string[]): Values =>
    Object.fromEntries(Object.entries(values).filter(([field]) => !fields.includes(field)));
  const invalid = (values: Values): Values => ({ ...values, evil: 1, [wrong.field]: wrong.value });
  /** The text of every row of the table. */
  const stored = (): Promise<string> =>
    api.inTenant(async () =>
      JSON.stringify(await currentUnit().manager.query(`SELECT * FROM ${model.table} ORDER BY id`)),
    );
  /** Items that fail for what they refer to, where the model refers to anything. */
  const dangling = async (values: () => Values): Promise<Values[]> => {
    if (model !== reviews) return [];
    const { id } = (
      await api.http
        .post(critics.path)
        .send(await madeBy(critics))
        .expect(201)
    ).body;
    await api.http.delete(`${critics.path}/${id}`).expect(204);
    return [
      { ...values(), bookId: UNKNOWN_ID },
      { ...values(), criticId: id },
    ];
  };
  const madeBy = async (other: Model): Promise<Values> => (await other.prepare(api))();
  /** Ids of records that cannot be deleted, where the model has any. */
  const referenced = async (): Promise<string[]> => {
    if (model !== books) return [];
    const { bookId } = (
      await api.http
        .post(reviews.path)
        .send(await madeBy(reviews))
        .expect(201)
    ).body;
    return [bookId];
  };

  type Batch = () => Promise<unknown>;
  const ids = (rows: Values[]): string[] => rows.map(({ id }) => id);
  const goodUpserts: Batch = async () => {
    const [same, changed] = await createMany(2);
    return [make(), { ...keyOf(changed), ...change }, make(), keyOf(same)];
  };
  const goodChanges: Batch = async () => {
    const [same, changed, versioned] = await createMany(3);
    return [{ id: changed.id, ...change }, { id: same.id }, { id: versioned.id, version: 1, ...change }];
  };
  const VERBS: [string, (query: Values) => Test, Batch, Batch][] = [
    [
      'POST /bulk',
      (query) => api.http.post(`${path}/bulk`).query(query),
      async () => makeMany(3),
      async () => {
        const [twin, taken] = [make(), await createMany(1)];
        const wanting = without(make(), mandatory);
        return [
          make(),
          twin,
          keyOf(taken[0]),
          wanting,
          invalid(make()),
          7,
          twin,
          make(),
          ...(await dangling(make)),
          { ...make(), ...keyOf(taken[0]) },
        ];
      },
    ],
    [
      'PUT /bulk',
      (query) => api.http.put(`${path}/bulk`).query(query),
      goodUpserts,
      async () => {
        const [row] = await createMany(1);
        const twin = make();
        const wanting = beyondKey ? without(make(), beyondKey) : { ...make(), [naturalKey[0]]: null };
        return [{ ...keyOf(row), ...change }, twin, wanting, invalid(make()), make(), twin, ...(await dangling(make))];
      },
    ],
    [
      'PATCH /bulk',
      (query) => api.http.patch(`${path}/bulk`).query(query),
      goodChanges,
      async () => {
        const [one, late, empty, wants, taken, ...rest] = ids(await createMany(9));
        const keys = keyOf((await createMany(1))[0]);
        return [
          { id: one, ...change },
          { id: late, version: 2, ...change },
          { id: UNKNOWN_ID, ...change },
          { id: empty, [mandatory]: null },
          { id: taken, ...keys },
          { id: wants, ...invalid({}) },
          ...rest.slice(0, 2).map((id) => ({ id })),
          { id: rest[1], ...change },
          ...(await dangling(() => ({ id: rest.pop() }))),
        ];
      },
    ],
    [
      'POST /bulk/delete',
      (query) => api.http.post(`${path}/bulk/delete`).query(query),
      async () => ({ ids: ids(await createMany(3)) }),
      async () => {
        const [one, twin, two] = ids(await createMany(3));
        return { ids: [one, UNKNOWN_ID, twin, ...(await referenced()), two, twin] };
      },
    ],
  ];

  describe.each(VERBS)('%s', (_name, send, good, bad) => {
    it.each(
      [
        ['good', good],
        ['partly bad', bad],
      ].flatMap(([what, batch]) =>
        ['atomic', 'partial'].flatMap((mode) =>
          ['return=minimal', 'return=representation'].map(
            (prefer) => [what, mode, prefer, batch] as [string, string, string, Batch],
          ),
        ),
      ),
    )(
      'answers a %s batch, mode=%s, Prefer: %s, as the real run does, and writes nothing',
      async (what, mode, prefer, batch) => {
        const items = await batch();
        const before = await stored();
        const dry = await send({ mode, dryRun: true })
          .set('Prefer', prefer)
          .send(items as object);
        expect(await stored()).toBe(before);

        const real = await send({ mode })
          .set('Prefer', prefer)
          .send(items as object);
        expect(answerOf(dry, before)).toEqual(answerOf(real, before));
        const hasWritten = mode === 'partial' || what === 'good';
        expect(real.ok).toBe(hasWritten);
        expect((await stored()) !== before).toBe(hasWritten);
      },
    );
  });
});

/** An answer without what is another in each: the id of the request, and ids and times that were not there `before`. */
function answerOf({ status, text, headers }: Response, before: string): object {
  const names = new Map<string, string>();
  const isNew = (word: string) => !before.includes(word) && word !== UNKNOWN_ID;
  const body = text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, (word) => {
    if (!isNew(word)) return word;
    if (!names.has(word)) names.set(word, `new ${word.includes('T') ? 'time' : `id ${names.size}`}`);
    return names.get(word)!;
  });
  const { date: _d, 'x-request-id': _r, ...rest } = headers as Values;
  return { status, body: JSON.parse(body || 'null'), headers: rest };
}
