import * as fc from 'fast-check';
import { currentScope, currentUnit, UnitOfWork } from '@app/database';
import { aBook, aCritic, BooksService } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, Model, Values } from './models';
import { expectProblem } from './problems';

const RUNS = 20; // lists walked per model
const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

const snake = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const idsOf = (records: Values[]): string[] => records.map(({ id }) => id);

let api: TestApi;
beforeAll(async () => (api = await startApi({ DATABASE_POOL_SIZE: '1' }))); // a request that needs two connections waits for ever
afterAll(() => api.close());

const sql = (text: string): Promise<any[]> => api.inTenant(() => currentUnit().manager.query(text));
const page = async ({ path }: Model, query: Values): Promise<Values> =>
  (await api.http.get(path).query(query).expect(200)).body;

/** Few values, so that there are many ties, and nulls where there may be. */
const few = (...values: unknown[]) => fc.constantFrom(...values);
const VALUES = new Map<Model, fc.Arbitrary<Values>>([
  [books, fc.record({ name: few('a', 'b'), author: few('a', 'b', 'c'), releaseYear: few(null, -1, 0, 7) })],
  [critics, fc.record({ name: few(null, 'a', 'b'), bio: few(null, '', 'a') })],
]);
const make = (model: Model, values: Values): Values => (model === books ? aBook(values) : aCritic(values));

describe.each([books, critics])('a list of $path that others write meanwhile', (model: Model) => {
  const { path, table, fields, naturalKey } = model;
  const live = model.isSoftDelete ? 'WHERE deleted_at IS NULL' : '';
  const tied = fields.filter((field) => !['id', ...naturalKey].includes(field)); // what follows the others decides nothing
  const values = VALUES.get(model)!;

  const sorts = fc.uniqueArray(
    fc.record({ field: fc.constantFrom(...fields, ...tied, ...tied), descending: fc.boolean() }),
    {
      selector: ({ field }) => field,
      minLength: 1,
      maxLength: 3,
    },
  );
  const writes = fc.array(fc.record({ kind: fc.constantFrom('insert', 'update', 'delete'), nth: fc.nat(), values }), {
    maxLength: 3,
  });
  const step = fc.record({ limit: fc.integer({ min: 1, max: 8 }), writes });
  const lists = fc.record({
    sort: sorts,
    rows: fc.array(values, { minLength: 8, maxLength: 24 }),
    steps: fc.array(step, { minLength: 3, maxLength: 8 }),
  });

  async function write({ kind, nth, values }: Values, alive: Set<string>): Promise<void> {
    const id = [...alive][nth % alive.size];
    if (kind === 'insert') alive.add((await api.http.post(path).send(make(model, values)).expect(201)).body.id);
    else if (id && kind === 'update') await api.http.patch(`${path}/${id}`).send(values).expect(200);
    else if (id && alive.delete(id)) await api.http.delete(`${path}/${id}`).expect(204);
  }

  it('shows every record that stays where it is exactly once, and each page in its order', async () => {
    const walk = async ({ sort, rows, steps }: { sort: Values[]; rows: Values[]; steps: Values[] }) => {
      await sql(`DELETE FROM ${table}`);
      await api.http
        .post(`${path}/bulk`)
        .send(rows.map((row) => make(model, row)))
        .expect(201);
      const spelt = sort.map(({ field, descending }) => (descending ? '-' : '') + field).join();
      const order = sort.map(({ field, descending }) => snake(field) + (descending ? ' DESC' : ''));
      const key = `ROW(${sort.map(({ field }) => snake(field)).join()})::text AS key`;
      const last = sort.at(-1)!.descending ? 'id DESC' : 'id';
      /** Where each record stands, as Postgres sees it. */
      const look = async () => {
        const found = await sql(`SELECT id, ${key} FROM ${table} ${live} ORDER BY ${order.join()}, ${last}`);
        return new Map(found.map(({ id, key }: Values): [string, string] => [id, key]));
      };

      let places = await look();
      const steady = new Map(places); // those that are where they were from beginning to end
      const seen: string[] = [];
      for (let n = 0, cursor: string | null | undefined; cursor !== null; n++) {
        const { limit, writes } = steps[n % steps.length];
        const body = await page(model, { sort: spelt, limit, ...(cursor && { cursor }) });
        const ids = idsOf(body.items);
        const start = [...places.keys()].indexOf(ids[0]);
        expect(ids).toEqual(ids.length ? [...places.keys()].slice(start, start + limit) : []);
        seen.push(...ids);
        cursor = body.nextCursor;

        // Whoever inserts in front of the reader as fast as it reads keeps it reading.
        const alive = new Set(places.keys());
        if (n < 20) for (const one of writes) await write(one, alive);
        places = await look();
        for (const [id, key] of steady) if (places.get(id) !== key) steady.delete(id);
      }
      const times = Map.groupBy(seen, (id) => id);
      for (const id of steady.keys()) expect({ id, times: times.get(id)?.length }).toEqual({ id, times: 1 });
      return steady.size;
    };

    let steady = 0;
    await fc.assert(
      fc.asyncProperty(lists, async (list) => void (steady += await walk(list))),
      { numRuns: RUNS, endOnFailure: true }, // to shrink would take minutes; the seed it prints does the same again
    );
    expect(steady).toBeGreaterThan(RUNS); // else nothing was proven
  });
});

describe('a cursor', () => {
  const LIST = { sort: 'name,-releaseYear', 'filter[author][in]': ['a', 'b'], limit: 2 };
  let cursor: string;

  beforeAll(async () => {
    await sql('DELETE FROM book');
    await api.http
      .post(`${books.path}/bulk`)
      .send(Array.from({ length: 8 }, (_item, n) => aBook({ author: n % 2 ? 'a' : 'b' })))
      .expect(201);
    cursor = (await page(books, LIST)).nextCursor;
  });

  const expectRefused = async (code: string, query: Values, path = books.path) =>
    expectProblem(await api.http.get(path).query({ ...LIST, cursor, ...query }), 400, code, [{ pointer: '/cursor' }]);

  it('goes with the sort and the filter it came with, and with any limit, fields and count', async () => {
    const more = { cursor, limit: 200, fields: 'name', count: 'exact' };
    expect(await page(books, { ...LIST, ...more })).toMatchObject({ items: { length: 6 }, nextCursor: null, total: 8 });
  });

  it.each([
    ['another sort', { sort: 'name' }],
    ['another direction', { sort: 'name,releaseYear' }],
    ['no sort', { sort: undefined }],
    ['another value to filter by', { 'filter[author][in]': ['a', 'c'] }],
    ['another operator', { 'filter[author][in]': undefined, 'filter[author][nin]': ['a', 'b'] }],
    ['one filter more', { 'filter[name][ne]': 'x' }],
    ['no filter', { 'filter[author][in]': undefined }],
  ])('of a list is refused by one with %s', (_what, query) => expectRefused('other_list', query));

  it('of one model is refused by another', async () => {
    const { nextCursor } = await page(books, { limit: 1 });
    const response = await api.http.get(critics.path).query({ limit: 1, cursor: nextCursor });
    expectProblem(response, 400, 'other_list', [{ pointer: '/cursor' }]);
  });

  it('of one tenant is refused by another', async () => {
    const scope = await api.inTenant(async () => currentScope()!);
    const cursorOf = async (tenantId: string): Promise<string> => {
      const service = api.app.get(BooksService, { strict: false });
      const tenant = { ...scope.tenant, id: tenantId };
      const unitOfWork = api.app.get(UnitOfWork, { strict: false });
      return (await unitOfWork.run({ ...scope, tenant }, () => service.readPage({ limit: 1 }))).nextCursor!;
    };
    await page(books, { cursor: await cursorOf(scope.tenant.id) });
    const response = await api.http.get(books.path).query({ cursor: await cursorOf(UNKNOWN_ID) });
    expectProblem(response, 400, 'other_list', [{ pointer: '/cursor' }]);
  });

  it('is refused when a letter of it is changed, missing or one too many', async () => {
    for (let place = 0; place < cursor.length; place += 7) {
      const [before, after] = [cursor.slice(0, place), cursor.slice(place + 1)];
      const other = cursor[place] === 'A' ? 'B' : 'A';
      for (const tampered of [
        before + other + after,
        before + after,
        before,
        `${before}${other}${cursor.slice(place)}`,
      ]) {
        const response = await api.http.get(books.path).query({ ...LIST, cursor: tampered });
        expectProblem(response, 400, undefined, [{ pointer: '/cursor' }]);
      }
    }
    for (const tampered of [`${cursor}=`, `${cursor}.`, `${cursor}.A`, ` ${cursor}`, `${cursor}\0`])
      await expectRefused('malformed_cursor', { cursor: tampered });
  });

  it('refuses to be given twice', async () => {
    const response = await api.http.get(books.path).query({ ...LIST, cursor: [cursor, cursor] });
    expectProblem(response, 400, 'repeated', [{ pointer: '/cursor' }]);
  });

  it('cannot hold texts that no URL could: the list refuses that sort, and says so', async () => {
    const bios = Array.from({ length: 3 }, (_item, n) => aCritic({ bio: 'z'.repeat(10_000 - n) }));
    const { body } = await api.http.post(`${critics.path}/bulk`).send(bios).expect(201);
    const response = await api.http.get(critics.path).query({ sort: '-bio', limit: 1, 'filter[id][in]': body.ids });
    expectProblem(response, 400, 'too_long', [{ pointer: '/sort' }]);
    expect(idsOf((await page(critics, { sort: '-bio', 'filter[id][in]': body.ids })).items)).toEqual(body.ids);
  });
});
