import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner';
import { BaseEntity, currentUnit, withAdmin } from '@app/database';
import { CrudService, PageQuery } from '@app/crud';
import { aBook, BooksService, CriticsService, ReviewsService } from '@app/domain';
import { startApi, TestApi } from '@app/testing';
import { books, critics, reviews, Values } from './models';

const ROWS = 100_000;
/** How many pages of 8 KiB may be read for so many records: four for each, and some of an index of trigrams. */
const fewFor = (records: number): number => 200 + 4 * records;

/** The nth id of a table, as SQL and as text. */
const ID = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
const idOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

const TIMES = "timestamptz '2026-01-01Z' + n * interval '1 second', timestamptz '2026-01-01Z', 1";
const FILL = `
  INSERT INTO book (id, identifier, name, author, release_year, created_at, updated_at, version)
    SELECT ${ID}, 'isbn-' || n, 'Name ' || n % 1000, 'Author ' || n % 500, nullif(1900 + n % 120, 1900), ${TIMES}
      FROM generate_series(0, ${ROWS - 1}) AS n;
  INSERT INTO critic (id, username, name, bio, created_at, updated_at, version)
    SELECT ${ID}, 'user-' || n, 'Ada ' || left(md5(n::text), 6), null, ${TIMES} FROM generate_series(0, ${ROWS - 1}) AS n;
  INSERT INTO review_versions (id, title, critic_id, book_id, rating, body, created_at, updated_at, version)
    SELECT ${ID}, 'Title', ${ID.replace('to_hex(n)', 'to_hex(n / 10)')}, ${ID.replace('to_hex(n)', 'to_hex(n % 10000)')},
           1 + n % 5, repeat('long ', 20), ${TIMES} FROM generate_series(0, ${ROWS - 1}) AS n;
  ANALYZE book, critic, review, review_versions`;

interface Sent {
  text: string;
  parameters: object;
}
interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  Plans?: Plan[];
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
}

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  await withAdmin(api.adminUrl, (client) => client.query(`SET search_path TO ${api.prefix}t_demo; ${FILL}`));
});
afterAll(() => api.close());
afterEach(() => jest.restoreAllMocks());

/** The statements of a request, but for those that begin and end its transaction, or ask for its tenant. */
async function sentBy(request: () => PromiseLike<unknown>): Promise<Sent[]> {
  const query = jest.spyOn(PostgresQueryRunner.prototype, 'query');
  await request();
  const sent = query.mock.calls.map(([text, parameters = []]): Sent => ({ text, parameters }));
  query.mockRestore();
  return sent.filter(({ text }) => /^(SELECT|EXPLAIN|INSERT|UPDATE)\b/.test(text) && !text.includes('platform'));
}

const explain = ({ text, parameters }: Sent): Promise<Plan> =>
  api.inTenant(async () => {
    const explained = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`;
    return (await currentUnit().manager.query(explained, parameters as unknown[]))[0]['QUERY PLAN'][0].Plan;
  });
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
const scannedBy = (plan: Plan): (string | undefined)[] =>
  nodesOf(plan).flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name']] : []));
const pagesOf = (plan: Plan): number => plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];

const list = async (path: string, query: Values): Promise<Values> =>
  (await api.http.get(path).query(query).expect(200)).body;
const SERVICES: Record<string, { new (...args: never[]): unknown }> = {
  [books.path]: BooksService,
  [critics.path]: CriticsService,
  [reviews.path]: ReviewsService,
};

describe('an index serves', () => {
  const everywhere: Values[] = [
    {},
    { limit: 200, offset: 200 },
    { sort: '-createdAt' },
    { sort: 'id' },
    { sort: '-id', 'filter[id][in]': [idOf(1), idOf(77_777)] },
    { 'filter[createdAt][between]': ['2026-01-01T20:00:00Z', '2026-01-01T21:00:00Z'] },
  ];
  /** What only the nth critic is called, or hardly any other. */
  const hashOf = (n: number): string => createHash('md5').update(String(n)).digest('hex').slice(0, 6);
  const lists: [path: string, query: Values][] = [
    ...[books, critics, reviews].flatMap(({ path }) => everywhere.map((query): [string, Values] => [path, query])),
    [books.path, { 'filter[identifier][eq]': 'isbn-77777' }],
    [books.path, { 'filter[identifier][in]': ['isbn-77777', 'isbn-3'], sort: '-name' }],
    [books.path, { sort: 'identifier' }],
    [books.path, { sort: '-identifier', 'filter[releaseYear][null]': false }],
    [critics.path, { 'filter[username][eq]': 'user-77777' }],
    [critics.path, { 'filter[name][ilike]': `%${hashOf(77_777).toUpperCase()}%` }],
    [critics.path, { 'filter[name][like]': `%${hashOf(4_711)}`, sort: '-name' }],
    [critics.path, { 'filter[name][ilike]': '%ada%' }],
    [reviews.path, { 'filter[criticId][eq]': idOf(777) }],
    [reviews.path, { 'filter[bookId][eq]': idOf(777), sort: '-rating' }],
    [reviews.path, { 'filter[bookId][in]': [idOf(777), idOf(778)], 'filter[rating][gte]': 3 }],
    [reviews.path, { 'filter[criticId][eq]': idOf(777), 'filter[bookId][eq]': idOf(7_770) }],
    [reviews.path, { include: 'book,critic', limit: 100 }],
    [reviews.path, { include: 'book', sort: '-createdAt', 'filter[criticId][eq]': idOf(777) }],
  ];

  it.each(lists)('GET %s %j', async (path, query) => {
    let items: unknown[] = [];
    const [sent, ...more] = await sentBy(async () => ({ items } = await list(path, query)));
    expect(items).not.toHaveLength(0);
    expect(more).toEqual([]);
    const plan = await explain(sent);
    expect({ scanned: scannedBy(plan) }).toEqual({ scanned: [] });
    expect(pagesOf(plan)).toBeLessThan(fewFor(items.length));
  });

  it.each([books.path, critics.path, reviews.path])('one and many records of %s', async (path) => {
    const ids = Array.from({ length: 200 }, (_item, n) => idOf(n * 499));
    const requests = [
      { records: 1, request: () => api.http.get(`${path}/${ids[99]}`).expect(200) },
      { records: 200, request: () => api.http.post(`${path}/bulk/read`).send({ ids }).expect(200) },
    ];
    for (const { records, request } of requests) {
      const [sent, ...more] = await sentBy(request);
      expect(more).toEqual([]);
      const plan = await explain(sent);
      expect({ scanned: scannedBy(plan) }).toEqual({ scanned: [] });
      expect(pagesOf(plan)).toBeLessThan(fewFor(records));
    }
  });

  it('one review as of a time, and its history', async () => {
    const VERSIONS = 10_000;
    const id = idOf(77_777);
    await withAdmin(api.adminUrl, (client) =>
      client.query(`SET search_path TO ${api.prefix}t_demo; SET session_replication_role = replica;
        INSERT INTO review_versions (id, title, critic_id, book_id, rating, body, created_at, updated_at, version, valid_from, actor)
          SELECT id, title, critic_id, book_id, rating, body, created_at, updated_at, n, valid_from + n * interval '1 ms', actor
            FROM review_versions, generate_series(2, ${VERSIONS}) AS n WHERE id = '${id}';
        ANALYZE review_versions`),
    );
    const one = `${reviews.path}/${id}`;
    const { body } = await api.http.get(`${one}/history`).expect(200);
    const requests = [
      () => api.http.get(one).query({ asOf: body.items[40].validFrom }).expect(200),
      () => api.http.get(`${one}/history`).query({ limit: 1 }).expect(200),
    ];
    for (const request of requests) {
      const [sent, ...more] = await sentBy(request);
      expect(more).toEqual([]);
      const plan = await explain(sent);
      expect({ scanned: scannedBy(plan) }).toEqual({ scanned: [] });
      expect(pagesOf(plan)).toBeLessThan(fewFor(1));
    }
  });

  it('not what no index is made for: this is how a scan looks', async () => {
    const [sent] = await sentBy(() => list(books.path, { sort: '-author,name' }));
    const plan = await explain(sent);
    expect(scannedBy(plan)).toEqual(['book']);
    expect(pagesOf(plan)).toBeGreaterThan(fewFor(200)); // the smallest table has 1,100 pages
  });
});

describe('page 1,000', () => {
  const LIMIT = 50;
  it.each<[path: string, query: Values, asked: PageQuery]>([
    [books.path, {}, {}],
    [reviews.path, { sort: '-createdAt' }, { sort: [{ field: 'createdAt', descending: true }] }],
    [critics.path, { sort: 'id' }, { sort: [{ field: 'id', descending: false }] }],
    [books.path, { sort: '-identifier' }, { sort: [{ field: 'identifier', descending: true }] }],
    [books.path, { 'filter[version][gte]': 1 }, { filter: [{ field: 'version', operator: 'gte', values: ['1'] }] }],
    [reviews.path, { include: 'book,critic' }, {}],
  ])('of %s %j reads no more than twice what page 1 does', async (path, query, asked) => {
    // Asked of the service, which passes over as many records as it is told to; clients would walk.
    const service = api.app.get(SERVICES[path], { strict: false }) as CrudService<BaseEntity>;
    const before = { ...asked, limit: 1, offset: 999 * LIMIT - 1 };
    const { nextCursor: cursor } = await api.inTenant(() => service.readPage(before));
    const bodies: Values[] = [];
    const [first] = await sentBy(async () => bodies.push(await list(path, { ...query, limit: LIMIT })));
    const [thousandth] = await sentBy(async () => bodies.push(await list(path, { ...query, limit: LIMIT, cursor })));
    expect(bodies.map(({ items }) => items.length)).toEqual([LIMIT, LIMIT]);
    expect(bodies[1].items[0].id).not.toBe(bodies[0].items[0].id);

    const [near, far] = [pagesOf(await explain(first)), pagesOf(await explain(thousandth))];
    expect(far).toBeLessThanOrEqual(2 * near);
    const byOffset = first.text.replace(/LIMIT/, `OFFSET ${999 * LIMIT} LIMIT`);
    expect(pagesOf(await explain({ ...first, text: byOffset }))).toBeGreaterThan(2 * near);
  });
});

describe('a list', () => {
  it('with what 100 reviews refer to takes at most two statements, and begins no more', async () => {
    const sent = await sentBy(() => list(reviews.path, { include: 'book,critic', limit: 100 }));
    expect(sent.length).toBeLessThanOrEqual(2);
    const one = await sentBy(() => api.http.get(`${reviews.path}/${idOf(5)}?include=book,critic`).expect(200));
    expect(one.length).toBeLessThanOrEqual(2);
  });

  it('with count=estimated asks the planner and reads no row for it', async () => {
    const query = { count: 'estimated', limit: 1, 'filter[rating][gte]': 3, 'filter[bookId][ne]': idOf(1) };
    let total = 0;
    const sent = await sentBy(async () => ({ total } = (await list(reviews.path, query)) as { total: number }));
    expect(Math.abs(total / (0.6 * ROWS) - 1)).toBeLessThan(0.1);
    const [estimate, ...more] = sent.filter(({ text }) => text.startsWith('EXPLAIN'));
    expect([sent.length, more.length]).toEqual([2, 0]);
    expect(estimate.text).not.toMatch(/analyze/i);
    const read = `SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relid = 'review'::regclass`;
    await api.inTenant(async () => {
      const before = await currentUnit().manager.query(read);
      await currentUnit().manager.query(estimate.text, estimate.parameters as unknown[]);
      expect(await currentUnit().manager.query(read)).toEqual(before);
    });
  });
});

describe('an upsert of books', () => {
  const upsert = (items: object[]) => sentBy(() => api.http.put(`${books.path}/bulk`).send(items).expect(200));
  const verbsOf = (sent: Sent[]) => sent.map(({ text }) => text.split(' ')[0]);
  const known = Array.from({ length: 10 }, () => aBook());

  it('that are given whole takes one statement, and another to find those it did not change', async () => {
    await api.http.post(`${books.path}/bulk`).send(known).expect(201);
    expect(verbsOf(await upsert([...known.map((book) => ({ ...book, name: 'Renamed' })), aBook()]))).toEqual([
      'INSERT',
    ]);
    expect(verbsOf(await upsert([...known.map((book) => ({ ...book, name: 'Renamed' })), aBook()]))).toEqual([
      'INSERT',
      'SELECT',
    ]);
  });

  it('that give different things looks first', async () => {
    const [first, ...others] = known.map(({ identifier }) => ({ identifier, name: 'Once more' }));
    expect(verbsOf(await upsert([first, ...others]))).toEqual(['SELECT', 'UPDATE']);
    expect(verbsOf(await upsert([{ ...first, author: 'Someone' }, aBook()]))).toEqual(['SELECT', 'INSERT', 'UPDATE']);
  });
});

describe.each([
  ['books', BooksService],
  ['critics', CriticsService],
  ['reviews', ReviewsService],
])('Reads of one of %s each', (_name, Service) => {
  it('share a connection', async () => {
    const service: CrudService<BaseEntity> = api.app.get(Service, { strict: false });
    const read = (n: number) => api.inTenant(() => service.readOne(idOf(n)));
    await read(0);
    const { master } = api.app.get(DataSource).driver as PostgresDriver;
    const connect = jest.spyOn(master as Pool, 'connect');
    const records = await Promise.all(Array.from({ length: 20 }, (_record, n) => read(n)));
    expect(records.map(({ id }) => id)).toEqual(records.map((_record, n) => idOf(n)));
    expect(connect).toHaveBeenCalledTimes(1);
  });
});
