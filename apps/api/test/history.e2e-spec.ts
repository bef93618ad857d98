import * as fc from 'fast-check';
import { currentUnit } from '@app/database';
import { aBook, aCritic, aReview } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, reviews, Values } from './models';

const RUNS = 12;
const STEPS = 25;
const { path } = reviews;

/** A step: what is done, to which of the pairs of critic and book or of the records there ever were, with which values. */
interface Step {
  act: keyof typeof acts;
  places: number[];
  rating: number;
  title: string;
  version: number;
}

/** What is done, as a request; whether it can be done is not known beforehand. */
const acts = {
  create: ({ http }, { one, values }) => http.post(path).send(values[one]),
  put: ({ http }, { one, values }) => http.put(path).send(values[one]),
  change: ({ http }, { id, rating }) => http.patch(`${path}/${id}`).send({ rating }),
  remove: ({ http }, { id }) => http.delete(`${path}/${id}`),
  revert: ({ http }, { id, version }) => http.post(`${path}/${id}/revert`).send({ version }),
  createMany: ({ http }, { values }) => http.post(`${path}/bulk?mode=partial`).send(values),
  putMany: ({ http }, { values }) => http.put(`${path}/bulk`).send(values),
  changeMany: ({ http }, { ids, title }) =>
    http.patch(`${path}/bulk?mode=partial`).send(ids.map((id) => ({ id, title }))),
  removeMany: ({ http }, { ids }) => http.post(`${path}/bulk/delete?mode=partial`).send({ ids }),
  removeMatching: ({ http }, { rating }) => http.delete(path).query({ 'filter[rating][eq]': rating }),
  importNew: ({ http }, { values }) =>
    http.post(`${path}/import?onError=skip`).type('application/x-ndjson').send(lines(values)),
  importAll: ({ http }, { values }) =>
    http.post(`${path}/import?mode=upsert`).type('application/x-ndjson').send(lines(values)),
} satisfies Record<string, (api: TestApi, given: Given) => PromiseLike<unknown>>;

interface Given extends Omit<Step, 'act' | 'places'> {
  one: number;
  values: Values[];
  id: string;
  ids: string[];
}

const lines = (values: Values[]): string => values.map((each) => JSON.stringify(each)).join('\n');

const steps = fc.array(
  fc.record<Step>({
    act: fc.constantFrom(...(Object.keys(acts) as (keyof typeof acts)[])),
    places: fc.uniqueArray(fc.nat(8), { minLength: 1, maxLength: 4 }),
    rating: fc.integer({ min: 1, max: 5 }),
    title: fc.constantFrom('A', 'B', 'C'),
    version: fc.integer({ min: 1, max: 6 }),
  }),
  { minLength: STEPS, maxLength: STEPS },
);

let api: TestApi;
let pairs: { criticId: string; bookId: string }[];
beforeAll(async () => {
  api = await startApi();
  const idsOf = async (where: string, items: Values[]): Promise<string[]> =>
    (await api.http.post(`${where}/bulk`).send(items).expect(201)).body.ids;
  const criticIds = await idsOf(critics.path, [aCritic(), aCritic(), aCritic()]);
  const bookIds = await idsOf(books.path, [aBook(), aBook(), aBook()]);
  pairs = criticIds.flatMap((criticId) => bookIds.map((bookId) => ({ criticId, bookId })));
});
afterAll(() => api.close());

const sql = <R extends object>(text: string): Promise<R[]> =>
  api.inTenant(() => currentUnit().manager.query<R[]>(text));
const BY_ID = { sort: 'id', limit: 200 };
const list = async (query: Values = {}): Promise<Values[]> =>
  (
    await api.http
      .get(path)
      .query({ ...BY_ID, ...query })
      .expect(200)
  ).body.items;

/** The same list page by page, counted too. */
async function walk(query: Values): Promise<Values[]> {
  const walked: Values[] = [];
  for (let cursor: string | undefined; ;) {
    const page = { ...BY_ID, ...query, limit: 3, count: 'exact', cursor };
    const { items, nextCursor, total } = (await api.http.get(path).query(page).expect(200)).body;
    walked.push(...items);
    if (!nextCursor) {
      expect(total).toBe(walked.length);
      return walked;
    }
    cursor = nextCursor;
  }
}

/** The time of the last version, once it has passed: whatever comes later has a later one. */
async function boundary(): Promise<string> {
  for (;;) {
    const [{ at, isPast }] = await sql<{ at: Date | null; isPast: boolean }>(
      `SELECT at, coalesce(date_trunc('milliseconds', clock_timestamp()) > at, true) AS "isPast"
         FROM (SELECT max(valid_from) AS at FROM review_versions) AS v`,
    );
    if (isPast) return (at ?? new Date(0)).toISOString();
  }
}

async function take(step: Step): Promise<void> {
  const ever = (await sql<{ id: string }>('SELECT DISTINCT id FROM review_versions ORDER BY id DESC LIMIT 9')).map(
    ({ id }) => id,
  );
  const ids = [...new Set(step.places.flatMap((place) => ever[place % ever.length] ?? []))];
  const values = step.places.map((place) => aReview({ ...pairs[place], title: step.title, rating: step.rating }));
  if (!ids.length && /change|remove|revert/.test(step.act)) return;
  const { status } = await acts[step.act](api, { ...step, one: 0, values, id: ids[0], ids });
  expect([200, 201, 204, 207, 404, 409, 422]).toContain(status);
}

it('gives back what there was at any time, however it came about and whatever came after', async () => {
  const changedBy = new Set<string>();
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const kept = [{ asOf: await boundary(), snapshot: await list() }];
      for (const step of all) {
        await take(step);
        const [asOf, snapshot] = [await boundary(), await list()];
        if (asOf !== kept.at(-1)!.asOf) changedBy.add(step.act);
        else expect(snapshot).toEqual(kept.at(-1)!.snapshot);
        kept.push({ asOf, snapshot });
      }
      for (const { asOf, snapshot } of kept) {
        expect(await list({ asOf })).toEqual(snapshot);
        const best = { 'filter[rating][gte]': 4 };
        expect(await list({ asOf, ...best })).toEqual(snapshot.filter(({ rating }) => rating >= 4));
        const { text } = await api.http.get(`${path}/export`).query({ asOf, sort: 'id' }).buffer().expect(200);
        expect(text).toBe(snapshot.map((record) => `${JSON.stringify(record)}\n`).join(''));
      }
      const { asOf, snapshot } = kept[all.length >> 1];
      expect(await walk({ asOf })).toEqual(snapshot);
      for (const { id } of await sql<{ id: string }>('SELECT DISTINCT id FROM review_versions')) {
        const { status, body } = await api.http.get(`${path}/${id}`).query({ asOf });
        expect(status === 404 ? undefined : body).toEqual(snapshot.find((record) => record.id === id));
      }
      await expectRebuilt();
    }),
    { numRuns: RUNS },
  );
  expect([...changedBy].sort()).toEqual(Object.keys(acts).sort()); // none of them was idle all the time
}, 300_000);

/** The table of the records is what the versions say, row by row, and none of them has a gap. */
async function expectRebuilt(): Promise<void> {
  const columns = 'id, title, critic_id, book_id, rating, body, created_at, updated_at, version';
  const rebuilt = `SELECT ${columns} FROM (SELECT DISTINCT ON (id) * FROM review_versions ORDER BY id, version DESC) AS v WHERE NOT deleted`;
  const kept = `SELECT ${columns} FROM review`;
  expect(await sql(`(${rebuilt} EXCEPT ${kept}) UNION ALL (${kept} EXCEPT ${rebuilt})`)).toEqual([]);
  expect(await sql('SELECT id FROM review_versions GROUP BY id HAVING max(version) <> count(*)')).toEqual([]);
  expect(
    await sql(
      `SELECT FROM (SELECT valid_from <= lag(valid_from) OVER (PARTITION BY id ORDER BY version) AS back FROM review_versions) AS v WHERE back`,
    ),
  ).toEqual([]);
}
