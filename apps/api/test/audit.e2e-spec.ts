import { readFile } from 'node:fs/promises';
import vm from 'node:vm';
import { Client } from 'pg';
import type { QueryRunner } from 'typeorm';
import { auditTable, stopAudit, SweepAudit } from '@app/audit';
import { currentUnit, readOnlyTable, surroundingsOf, withAdmin } from '@app/database';
import { aBook, aCritic, Book, BooksService } from '@app/domain';
import { Jobs } from '@app/jobs';
import { closeApi, openApi, startApi, TestApi, testSettings, until } from '@app/testing';
import { books, critics, Values } from './models';
import { withRival } from './rival';

/** An entry of the log, without what differs from run to run. */
interface Entry {
  operation: string;
  table: string;
  rowId: string | null;
  actor: string;
  diff: Values;
}

let api: TestApi;
let login: string;

beforeAll(async () => {
  api = await startApi();
  const { body } = await api.http.get('/api/v1/auth/me').expect(200);
  login = `login:${body.id}`;
}, 60_000);
afterAll(() => api.close());

afterEach(() =>
  asAdmin((client) =>
    client.query(`
    SET session_replication_role = replica; -- reviews are append-only even to us
    TRUNCATE book, review, review_versions, critic; TRUNCATE audit_log`),
  ),
);

const asAdmin = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
  withAdmin(api.adminUrl, async (client) => {
    await client.query(`SET search_path TO ${api.prefix}t_demo`);
    return work(client);
  });

const runnerOf = (client: Client): QueryRunner =>
  ({ query: async (text: string) => (await client.query(text)).rows }) as unknown as QueryRunner;

/** What the log says, the oldest first; and forgets it. */
const told = (): Promise<Entry[]> =>
  asAdmin(async (client) => {
    const { rows } = await client.query<Entry>(
      `SELECT operation, "table", row_id AS "rowId", actor, diff FROM audit_log ORDER BY id`,
    );
    await client.query('TRUNCATE audit_log');
    return rows;
  });
const create = async (values: Values = aBook()): Promise<Values> =>
  (await api.http.post(books.path).send(values).expect(201)).body;
const createMany = async (items: Values[]): Promise<string[]> =>
  (await api.http.post(`${books.path}/bulk`).send(items).expect(201)).body.ids;
const sorted = (all: Entry[]): Entry[] => all.toSorted((one, other) => (one.rowId! < other.rowId! ? -1 : 1));
const entry = (operation: string, rowId: string, diff: Values, actor = login): Entry => ({
  operation,
  table: 'book',
  rowId,
  actor,
  diff,
});
const renamed = (rowId: string, before: string, after: string, actor = login): Entry =>
  entry('update', rowId, { name: { before, after } }, actor);

describe('one entry for each row that changes, in the name of whoever asked', () => {
  it('tells of one that is created, changed and deleted', async () => {
    const { id, identifier } = await create(aBook({ name: 'A', author: 'B', releaseYear: 2000 }));
    await api.http.patch(`${books.path}/${id}`).send({ name: 'C', releaseYear: null }).expect(200);
    await api.http.put(books.path).send({ identifier, name: 'D', author: 'B' }).expect(200);
    await api.http.delete(`${books.path}/${id}`).expect(204);
    const made = { id, identifier, name: 'A', author: 'B', release_year: 2000 };
    expect(await told()).toEqual([
      entry('insert', id, made),
      entry('update', id, { name: { before: 'A', after: 'C' }, release_year: { before: 2000, after: null } }),
      renamed(id, 'C', 'D'),
      entry('delete', id, { ...made, name: 'D', release_year: null }),
    ]);
  });

  it('tells of each of many: created, put, changed, imported and deleted', async () => {
    const items = Array.from({ length: 3 }, () => aBook({ name: 'A' }));
    const ids = (await createMany(items)).toSorted();
    const briefly = (all: Entry[]) => sorted(all).map(({ operation, rowId }) => [operation, rowId]);
    expect(briefly(await told())).toEqual(ids.map((id) => ['insert', id]));

    const put = items.map((item) => ({ ...item, name: 'B' }));
    const fresh = aBook();
    await api.http
      .put(`${books.path}/bulk`)
      .send([...put, fresh])
      .expect(200);
    const afterPut = await told();
    expect(afterPut.filter(({ operation }) => operation === 'insert')).toHaveLength(1);
    expect(sorted(afterPut.filter(({ operation }) => operation === 'update'))).toEqual(
      ids.map((id) => renamed(id, 'A', 'B')),
    );

    await api.http
      .patch(`${books.path}/bulk`)
      .send(ids.map((id) => ({ id, name: 'C' })))
      .expect(200);
    expect(sorted(await told())).toEqual(ids.map((id) => renamed(id, 'B', 'C')));

    const file = put.map((item) => JSON.stringify({ ...item, name: 'D' })).join('\n');
    await api.http
      .post(`${books.path}/import?mode=upsert`)
      .set('content-type', 'application/x-ndjson')
      .send(file)
      .expect(200);
    expect(sorted(await told())).toEqual(ids.map((id) => renamed(id, 'C', 'D')));

    await api.http
      .post(`${books.path}/bulk/delete`)
      .send({ ids: [ids[0]] })
      .expect(200);
    await api.http.delete(books.path).query({ 'filter[name][eq]': 'D' }).expect(200);
    expect(briefly(await told())).toEqual(ids.map((id) => ['delete', id]));
  });

  it('tells that a critic was hidden and shown again', async () => {
    const { body } = await api.http.post(critics.path).send(aCritic()).expect(201);
    await api.http.delete(`${critics.path}/${body.id}`).expect(204);
    await api.http.post(`${critics.path}/${body.id}/restore`).expect(200);
    const at = expect.any(String);
    expect((await told()).slice(1)).toMatchObject([
      { table: 'critic', operation: 'update', diff: { deleted_at: { before: null, after: at } } },
      { table: 'critic', operation: 'update', diff: { deleted_at: { before: at, after: null } } },
    ]);
  });

  it('tells of the query builder, of repositories and of raw SQL', async () => {
    const { id } = await create(aBook({ name: 'A' }));
    await told();
    await api.inTenant(async () => {
      const { manager } = currentUnit();
      await manager.createQueryBuilder().update(Book).set({ name: 'B' }).where({ id }).execute();
      await manager.query(`UPDATE book SET name = 'C' WHERE id = $1`, [id]);
      await manager.update(Book, id, { name: 'D' });
    });
    expect(await told()).toEqual([
      renamed(id, 'A', 'B', 'test'),
      renamed(id, 'B', 'C', 'test'),
      renamed(id, 'C', 'D', 'test'),
    ]);
  });

  it('tells of one that gets another id that it went, and that another came', async () => {
    const { id, identifier } = await create(aBook({ name: 'A', author: 'B', releaseYear: null }));
    await told();
    const other = '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77';
    await api.inTenant(() => currentUnit().manager.query('UPDATE book SET id = $1', [other]));
    const values = { identifier, name: 'A', author: 'B', release_year: null };
    const entries = (await told()).toSorted((one, next) => one.operation.localeCompare(next.operation));
    expect(entries).toEqual([
      entry('delete', id, { id, ...values }, 'test'),
      entry('insert', other, { id: other, ...values }, 'test'),
    ]);
  });

  it('tells of what is done past the application by the login that did it', async () => {
    const { id } = await create(aBook({ name: 'A' }));
    await told();
    const actor = await asAdmin(async (client) => {
      await client.query(`UPDATE book SET name = 'B'`);
      const { rows } = await client.query<{ login: string }>('SELECT session_user AS login');
      return `database:${rows[0].login}`;
    });
    expect(await told()).toEqual([renamed(id, 'A', 'B', actor)]);
  });
});

it('an entry of what a job does tells on whose behalf, and by which request it was left', async () => {
  const working = await startApi({ WORKER_IN_API: 'true' });
  try {
    const { headers } = await working.http
      .post(`${books.path}/import?async=true`)
      .set('content-type', 'application/x-ndjson')
      .send([aBook(), aBook()].map((item) => JSON.stringify(item)).join('\n'))
      .expect(202);
    await until(async () => (await working.http.get(headers.location).expect(200)).body.finishedAt);
    const { items } = (await working.http.get('/api/v1/audit').expect(200)).body;
    const { id } = (await working.http.get('/api/v1/auth/me').expect(200)).body;
    const { rowCount } = await withAdmin(working.adminUrl, (client) =>
      client.query(`SELECT FROM ${working.prefix}jobs.schedule WHERE name = 'audit.sweep'`),
    );
    expect(rowCount).toBe(1);
    const entry = { operation: 'insert', actor: `login:${id}`, requestId: headers['x-request-id'] };
    expect(items).toEqual([expect.objectContaining(entry), expect.objectContaining(entry)]);
  } finally {
    await working.close();
  }
});

describe('no entry', () => {
  it('tells of an update that changes nothing, or only what the system keeps', async () => {
    const { id } = await create(aBook({ name: 'A' }));
    await told();
    await api.http.patch(`${books.path}/${id}`).send({ name: 'A' }).expect(200);
    await api.inTenant(async () => {
      await api.app.get(BooksService).rate([{ id, averageRating: 4 }]);
      await currentUnit().manager.query('UPDATE book SET version = version + 1, updated_at = now()');
    });
    expect(await told()).toEqual([]);
  });

  it('is left of a request that fails, nor of a dry run', async () => {
    const taken = await create();
    await told();
    await api.http.post(`${books.path}/bulk`).send([aBook(), taken]).expect(422);
    await api.http.post(`${books.path}/bulk?dryRun=true`).send([aBook()]).expect(201);
    expect(await told()).toEqual([]);
  });
});

it('may be read by a tenant, and neither changed nor forged by anyone who serves requests', async () => {
  await create();
  const tries = [
    `INSERT INTO audit_log (at, tx, actor, operation, "table", diff) VALUES (now(), '1', 'x', 'insert', 'book', '{}')`,
    `UPDATE audit_log SET actor = 'x'`,
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
    'DROP TRIGGER audit_update ON book',
    `CREATE TEMP TABLE forged (LIKE book);
     CREATE TRIGGER forge AFTER INSERT ON forged REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_audit('{}', '{}')`,
    'ALTER TABLE book DISABLE TRIGGER ALL',
    `SET session_replication_role = 'replica'`,
  ];
  for (const statement of tries) {
    const refused = api.inTenant(() => currentUnit().manager.query(statement));
    await expect(refused).rejects.toMatchObject({ driverError: { code: '42501' } });
  }
  const [{ count }] = await api.inTenant(() => currentUnit().manager.query('SELECT count(*)::int FROM audit_log'));
  expect(count).toBe(1);
});

it('is written by what runs as its owner: on its own tables, and for nobody else', async () => {
  const functions = await api.inTenant(() =>
    currentUnit().manager.query(
      `SELECT proname AS name, proconfig AS settings, has_function_privilege(p.oid, 'EXECUTE') AS "isOurs" FROM pg_proc AS p
        WHERE pronamespace = current_schema()::regnamespace AND prosecdef ORDER BY 1`,
    ),
  );
  const pinned = expect.arrayContaining([`search_path=${api.prefix}t_demo, pg_temp`]);
  const runs = (name: string, isOurs: boolean) => ({ name, settings: pinned, isOurs });
  expect(functions).toEqual([
    runs('erase_record', true),
    runs('forget_audit', true),
    runs('forget_statistics', false),
    runs('review_project', false),
    runs('write_audit', false),
  ]);
});

it('tells that a secret changed, and never what it is or was, and of TRUNCATE', async () => {
  const id = '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77';
  await asAdmin(async (client) => {
    await client.query('CREATE TABLE vault (id uuid PRIMARY KEY, word text, hint text)');
    await auditTable(runnerOf(client), 'vault', { secret: ['word'] });
    await client.query(`INSERT INTO vault VALUES ($1, 'sesame', 'a seed')`, [id]);
    await client.query(`UPDATE vault SET word = 'open', hint = 'what it does'`);
    await client.query(`UPDATE vault SET word = 'open'`);
    await client.query('DELETE FROM vault');
    await client.query('TRUNCATE vault');
  });
  const [redacted, entries] = ['[redacted]', await told()];
  expect(entries.at(-1)).toMatchObject({ operation: 'truncate', table: 'vault', rowId: null });
  expect(entries.map(({ diff }) => diff)).toEqual([
    { id, word: redacted, hint: 'a seed' },
    { word: { before: redacted, after: redacted }, hint: { before: 'a seed', after: 'what it does' } },
    { id, word: redacted, hint: 'what it does' },
    {},
  ]);
  await asAdmin((client) => client.query('DROP TABLE vault'));
});

it.each([
  ['CREATE TABLE odd (id bigint)', {}, 'odd cannot be audited: the log tells rows by an id that is a uuid.'],
  ['CREATE TABLE odd (id uuid)', { secret: ['wrod'] }, 'odd has no column wrod that the log could be told about.'],
])('cannot be had for %s with %j', async (table, columns, reason) => {
  await asAdmin(async (client) => {
    await client.query(`BEGIN; ${table}`);
    await expect(auditTable(runnerOf(client), 'odd', columns)).rejects.toThrow(reason);
  });
});

describe('an API whose tables do not write what their entities promise', () => {
  const start = () => openApi(testSettings({ SCHEMA_PREFIX: api.prefix }));
  const change = (work: (runner: QueryRunner) => Promise<void>) => asAdmin((client) => work(runnerOf(client)));

  it('does not start, and says what to type', async () => {
    await change((runner) => stopAudit(runner, 'critic'));
    await expect(start()).rejects.toThrow(
      /^Critic is @Audited\(\), and in the tenant demo .* auditTable\(runner, 'critic', \{\}\)/,
    );
    await change((runner) => auditTable(runner, 'critic'));
  });

  it('does not start where they keep silent about other columns, or only some of them are told of', async () => {
    await change((runner) => stopAudit(runner, 'book'));
    await change((runner) => auditTable(runner, 'book', { silent: ['author'] }));
    const needed = /auditTable\(runner, 'book', \{"silent":\["average_rating"\]\}\)/;
    await expect(start()).rejects.toThrow(needed);

    await change((runner) => stopAudit(runner, 'book'));
    await change((runner) => auditTable(runner, 'book', { silent: ['average_rating'] }));
    await asAdmin((client) => client.query('ALTER TABLE book DISABLE TRIGGER audit_delete'));
    await expect(start()).rejects.toThrow(needed);
    await asAdmin((client) => client.query('ALTER TABLE book ENABLE TRIGGER audit_delete'));
    const { app } = await start();
    await closeApi(app);
  });
});

describe('what is old enough', () => {
  const ages = async (): Promise<number[]> =>
    asAdmin(async (client) => {
      const { rows } = await client.query<{ days: number }>(
        'SELECT extract(day FROM now() - at)::int AS days FROM audit_log ORDER BY at DESC',
      );
      return rows.map(({ days }) => days);
    });
  const sweep = (days: number) => {
    const settings = testSettings({ AUDIT_RETENTION_DAYS: `${days}` });
    const job = new SweepAudit(settings, api.app.get(Jobs, { strict: false }));
    return api.inTenant(() => job.run());
  };
  beforeEach(async () => {
    await createMany(Array.from({ length: 3 }, () => aBook()));
    const [first, second] = (await asAdmin((client) => client.query('SELECT id FROM audit_log ORDER BY id'))).rows;
    for (const [{ id }, days] of [
      [first, 40],
      [second, 100],
    ] as const)
      await asAdmin((client) =>
        client.query('UPDATE audit_log SET at = at - make_interval(days => $2) WHERE id = $1', [id, days]),
      );
  });

  it('is forgotten, where the settings say how old that is', async () => {
    await sweep(0);
    expect(await ages()).toEqual([0, 40, 100]);
    await sweep(60);
    expect(await ages()).toEqual([0, 40]);
  });

  it('is no less than a month old, whoever asks', async () => {
    await api.inTenant(() => currentUnit().manager.query('SELECT forget_audit(now(), 1000)'));
    expect(await ages()).toEqual([0]);
    expect(() => testSettings({ AUDIT_RETENTION_DAYS: '29' })).toThrow(/AUDIT_RETENTION_DAYS/);
  });

  it('is found by its time, wherever in a large log that is', async () => {
    const [{ indexdef }] = await api.inTenant(() =>
      currentUnit().manager.query(`SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_AuditEntry_At'`),
    );
    expect(indexdef).toMatch(/USING brin \(at\)$/);
  });

  it('is forgotten by two jobs side by side, neither of which waits', async () => {
    await withRival(api, async (rival) => {
      expect(await rival.run('SELECT forget_audit(now(), 1) AS gone')).toEqual([{ gone: 1 }]);
      await sweep(30);
      await rival.commit();
    });
    expect(await ages()).toEqual([0]);
  });

  it('is forgotten some at a time, and the rest in the next job', async () => {
    await asAdmin((client) =>
      client.query(
        `INSERT INTO audit_log (at, tx, actor, operation, "table", diff)
         SELECT now() - interval '100 days', '1', 'test', 'insert', 'book', '{}' FROM generate_series(1, 10_500)`,
      ),
    );
    await sweep(60);
    const jobs = `${api.prefix}jobs.job`;
    await asAdmin(async (client) => {
      expect((await client.query('SELECT FROM audit_log')).rowCount).toBeGreaterThan(500);
      const left = await client.query(
        `SELECT state FROM ${jobs} WHERE name = 'audit.sweep' AND data->>'actor' = 'test'`,
      );
      expect(left.rowCount).toBe(1);
      await client.query(`DELETE FROM ${jobs} WHERE name = 'audit.sweep'`);
    });
    await sweep(60);
    expect(await ages()).toEqual([0, 40]);
  });
});

describe('GET /audit', () => {
  const read = async (query: Values = {}): Promise<Values> =>
    (await api.http.get('/api/v1/audit').query(query).expect(200)).body;
  const operations = ({ items }: Values): string[] => items.map(({ operation }: Values) => operation);

  it('gives the entries, the latest first, with the request that made each', async () => {
    const requestId = 'request-of-a-test';
    const { body } = await api.http
      .post(books.path)
      .set('x-request-id', requestId)
      .send(aBook({ name: 'A' }));
    await api.http.patch(`${books.path}/${body.id}`).send({ name: 'B' }).expect(200);
    const { items, nextCursor } = await read();
    expect(nextCursor).toBeNull();
    expect(items).toEqual([
      { ...renamed(body.id, 'A', 'B'), id: expect.any(String), at: expect.any(String), requestId: expect.any(String) },
      expect.objectContaining({ operation: 'insert', rowId: body.id, requestId, at: expect.stringMatching(/Z$/) }),
    ]);
  });

  it('finds them by record, table, actor, request, operation and time', async () => {
    const [one, other] = [await create(), await create()];
    await api.http.delete(`${books.path}/${one.id}`).expect(204);
    await api.http.post(critics.path).send(aCritic()).expect(201);
    const [latest] = (await read()).items;
    expect(operations(await read({ 'filter[rowId][eq]': one.id }))).toEqual(['delete', 'insert']);
    expect((await read({ 'filter[rowId][eq]': other.id })).items).toHaveLength(1);
    expect((await read({ 'filter[table][eq]': 'critic' })).items).toEqual([latest]);
    expect((await read({ 'filter[requestId][eq]': latest.requestId })).items).toEqual([latest]);
    expect(operations(await read({ 'filter[operation][eq]': 'delete' }))).toEqual(['delete']);
    expect((await read({ 'filter[actor][eq]': login, count: 'exact' })).total).toBe(4);
    expect((await read({ 'filter[actor][eq]': 'login:nobody' })).items).toEqual([]);
    expect((await read({ 'filter[at][gte]': latest.at })).items[0]).toEqual(latest);
    expect((await read({ 'filter[at][lt]': '2020-01-01T00:00:00Z' })).items).toEqual([]);
  });

  it('gives them page by page, also while more come', async () => {
    const ids = await createMany(Array.from({ length: 5 }, () => aBook()));
    const first = await read({ limit: 2 });
    await create();
    const second = await read({ limit: 2, cursor: first.nextCursor });
    const third = await read({ limit: 2, cursor: second.nextCursor });
    expect(third.nextCursor).toBeNull();
    const found = [first, second, third].flatMap(({ items }) => items.map(({ rowId }: Values) => rowId));
    expect(found.toSorted()).toEqual(ids.toSorted());
  });

  it('refuses what the log has not, and cursors of other lists', async () => {
    for (const query of [{ sort: 'at' }, { 'filter[diff][eq]': 'x' }, { 'filter[rowId][eq]': 'x' }, { cursor: 'x' }])
      await api.http.get('/api/v1/audit').query(query).expect(400);
  });
});

describe('a log that is partitioned as the guide says', () => {
  const THIS_YEAR = new Date().getUTCFullYear();
  const [FIRST, NEXT, LATE] = [`before_${THIS_YEAR + 1}`, `${THIS_YEAR + 1}`, `${THIS_YEAR + 3}`];
  let large: TestApi;
  let blocks: string[];

  /** Runs a block of the guide, as the body of a migration or as statements, each by itself. */
  const run = (block: string, year = THIS_YEAR + 1) =>
    withAdmin(large.adminUrl, async (client) => {
      await client.query(`SET search_path TO ${large.prefix}t_demo; SET ROLE ${large.prefix}owner`);
      const text = block.replaceAll('2027', `${year}`);
      if (block.startsWith('CREATE')) {
        for (const statement of text.split(';')) await client.query(statement);
        return undefined;
      }
      await client.query('BEGIN');
      const body = vm.compileFunction(`return (async () => { ${text}; return 'goes on'; })()`, [
        'runner',
        'readOnlyTable',
        'surroundingsOf',
      ]) as (...given: unknown[]) => Promise<unknown>;
      const outcome = await body(runnerOf(client), readOnlyTable, surroundingsOf);
      await client.query('COMMIT');
      return outcome;
    });
  const sql = (text: string) => large.inTenant(() => currentUnit().manager.query(text));
  const write = async (name: string): Promise<string> =>
    (await large.http.post(critics.path).send(aCritic({ name })).expect(201)).body.id;
  const asOwner = (text: string) =>
    withAdmin(large.adminUrl, (client) => client.query(text.replaceAll('SCHEMA', `${large.prefix}t_demo`)));
  const names = async (): Promise<string[]> => {
    const read: string[] = [];
    for (let cursor: string | undefined; ;) {
      const { body } = await large.http.get('/api/v1/audit').query({ limit: 1, cursor }).expect(200);
      read.push(...body.items.map(({ diff }: Values) => diff.name));
      cursor = body.nextCursor;
      if (!cursor) return read;
    }
  };

  beforeAll(async () => {
    large = await startApi();
    const guide = await readFile('docs/history.md', 'utf8');
    const part = guide.slice(guide.indexOf('### When the log is too large'), guide.indexOf('## Erasure'));
    blocks = [...part.matchAll(/```(?:ts|sql)\n([\s\S]*?)\n```/g)].map(([, block]) => block);
    await write('before');
    for (const block of blocks.slice(1)) await run(block);
  });
  afterAll(() => large.close());

  it('is so only where it is large', async () => {
    expect(await run(blocks[0])).toBe('goes on'); // it is partitioned
    const small = await startApi();
    const [partitioned, isSmall] = [large, small];
    large = isSmall;
    expect(await run(blocks[0])).toBeUndefined();
    large = partitioned;
    await small.close();
  });

  it('goes on, and is read as one', async () => {
    const id = await write('after');
    expect(await names()).toEqual(['after', 'before']);
    await large.http.post(`${critics.path}/${id}/erase`).send({ reason: 'x' }).expect(200);
    const found = await large.http.get('/api/v1/audit').query({ 'filter[rowId][eq]': id }).expect(200);
    expect(found.body.items.at(-1).diff.name).toBe('[erased]');
  });

  it('gets the next partition also when some of its entries are there already', async () => {
    await asOwner(
      `INSERT INTO SCHEMA.audit_log (at, tx, actor, operation, "table", diff)
       VALUES ('${LATE}-05-01Z', '1', 'x', 'insert', 'critic', '{"name": "late"}')`,
    );
    const entries = async (part: string) => (await asOwner(`SELECT FROM SCHEMA.audit_log_${part}`)).rowCount;
    expect([await entries('later')]).toEqual([1]);
    await run(blocks[3], Number(LATE));
    expect([await entries('later'), await entries(LATE)]).toEqual([0, 1]);
    expect((await names())[0]).toBe('late');
  });

  it.each(['audit_log', `audit_log_${FIRST}`, `audit_log_${NEXT}`, `audit_log_${LATE}`, 'audit_log_later'])(
    'lets nobody write %s',
    async (table) => {
      for (const statement of [
        `DELETE FROM ${table}`,
        `UPDATE ${table} SET actor = 'x'`,
        `INSERT INTO ${table} SELECT * FROM ${table}`,
      ])
        await expect(sql(statement)).rejects.toMatchObject({ driverError: { code: '42501' } });
    },
  );

  it('forgets what is old entry by entry, or all of a partition at once', async () => {
    await asOwner(`UPDATE SCHEMA.audit_log SET at = at - interval '40 days' WHERE diff->>'name' = 'before'`);
    expect(await sql('SELECT forget_audit(now(), 100) AS gone')).toEqual([{ gone: 1 }]);
    expect(await names()).not.toContain('before');
    await asOwner(`DROP TABLE SCHEMA.audit_log_${FIRST}`);
    expect(await names()).toEqual(['late']);
  });
});
