import { randomUUID } from 'node:crypto';
import { Client, escapeIdentifier as quote } from 'pg';
import type { QueryRunner } from 'typeorm';
import { appendOnlyTable } from '@app/append-only';
import { currentUnit, withAdmin } from '@app/database';
import { aCritic } from '@app/domain';
import { personalColumns } from '@app/erasure';
import { closeApi, openApi, startApi, TestApi, testSettings, until } from '@app/testing';
import { critics, Maker, reviews, Values } from './models';
import { expectProblem } from './problems';
import { begin, withRival } from './rival';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';
const REASON = 'Request 4711';

let api: TestApi;
let make: Maker;
let login: string;
beforeAll(async () => {
  api = await startApi({ WORKER_IN_API: 'true' });
  make = await reviews.prepare(api);
  login = `login:${(await api.http.get('/api/v1/auth/me').expect(200)).body.id}`;
});
afterAll(() => api.close());

const asAdmin = <T>(work: (client: Client) => Promise<T>, { adminUrl, prefix } = api): Promise<T> =>
  withAdmin(adminUrl, async (client) => {
    await client.query(`SET search_path TO ${prefix}t_demo`);
    return work(client);
  });
const create = async (path: string, values: Values): Promise<Values> =>
  (await api.http.post(path).set('Idempotency-Key', randomUUID()).send(values).expect(201)).body;
const change = (path: string, id: string, values: Values) => api.http.patch(`${path}/${id}`).send(values).expect(200);
const remove = (path: string, id: string) => api.http.delete(`${path}/${id}`).expect(204);
const erase = (path: string, id: string, reason = REASON) => api.http.post(`${path}/${id}/erase`).send({ reason });
const history = async (id: string): Promise<Values[]> =>
  (await api.http.get(`${reviews.path}/${id}/history`).expect(200)).body.items;

/** The tables of all schemas of the installation with a row that says `text`, as it is or as bytes. */
const tablesThatSay = (text: string): Promise<string[]> =>
  asAdmin(async (client) => {
    const { rows } = await client.query<{ table: string; path: string }>(
      `SELECT relname AS table, format('%I.%I', nspname, relname) AS path FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE starts_with(nspname, $1) AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`,
      [api.prefix],
    );
    expect(rows.length).toBeGreaterThan(20);
    const said: string[] = [];
    for (const { table, path } of rows) {
      const found = await client.query(
        `SELECT FROM ${path} AS t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0`,
        [text, Buffer.from(text).toString('hex')],
      );
      if (found.rowCount) said.push(table);
    }
    return said;
  });

describe('POST /:model/:id/erase', () => {
  it('leaves nothing of what an audited record told of a person, and of others everything', async () => {
    const secret = `zaphod-${randomUUID()}`;
    const values = aCritic({ username: secret, name: `Name of ${secret}` });
    const critic = await create(critics.path, values);
    const other = await create(critics.path, aCritic({ name: 'Somebody Else' }));
    await change(critics.path, critic.id, { bio: `${secret} was here` });
    await api.http
      .put(`${critics.path}/bulk`)
      .send([{ username: secret, name: `${secret} II` }])
      .expect(200);
    const line = JSON.stringify({ username: secret, name: `${secret} III` });
    const send = (query: string) =>
      api.http.post(`${critics.path}/import?mode=upsert${query}`).type('application/x-ndjson').send(line);
    await send('').expect(200);
    const { headers } = await send('&async=true').expect(202);
    await until(async () => (await api.http.get(headers.location).expect(200)).body.finishedAt);
    await remove(critics.path, critic.id);
    expect(await tablesThatSay(secret)).toEqual(['audit_log', 'critic', 'idempotency_key']);

    const { body } = await erase(critics.path, critic.id).expect(200);
    expect(body).toEqual({
      id: expect.stringMatching(/^\d+$/),
      at: expect.stringMatching(/Z$/),
      actor: login,
      requestId: expect.any(String),
      table: 'critic',
      rowId: critic.id,
      reason: REASON,
      columns: ['username', 'name', 'bio'],
      records: 1,
      versions: 0,
      auditEntries: 5,
      answers: expect.any(Number),
    });
    expect(body.answers).toBeGreaterThan(1);
    expect(await tablesThatSay(secret)).toEqual([]);
    expect(await tablesThatSay('Somebody Else')).toEqual(['audit_log', 'critic']);

    const { items } = (await api.http.get(critics.path).query({ deleted: 'only', 'filter[id][eq]': critic.id })).body;
    expect(items).toMatchObject([
      { id: critic.id, username: `[erased] ${critic.id}`, name: null, bio: null, version: 6 },
    ]);
    const entries = (await api.http.get('/api/v1/audit').query({ 'filter[rowId][eq]': critic.id }).expect(200)).body
      .items;
    const both = { before: '[erased]', after: '[erased]' };
    expect(entries[0]).toMatchObject({
      operation: 'update',
      actor: login,
      diff: { username: both, name: both, bio: both },
    });
    expect(entries.at(-1)).toMatchObject({
      operation: 'insert',
      diff: { id: critic.id, username: '[erased]', name: '[erased]' },
    });
    expect((await api.http.get(`${critics.path}/${other.id}`).expect(200)).body).toEqual(other);
    await create(critics.path, values); // the key is free
  });

  it('leaves nothing of it in any version of an append-only record, and the others as they were', async () => {
    const secret = `marvin-${randomUUID()}`;
    const first = await create(reviews.path, make({ title: secret, body: 'plain', rating: 1 }));
    await change(reviews.path, first.id, { body: `signed, ${secret}`, rating: 2 });
    await change(reviews.path, first.id, { title: 'Anonymous', body: null, rating: 3 });
    expect(await tablesThatSay(secret)).toEqual(['idempotency_key', 'review_versions']);

    const { body } = await erase(reviews.path, first.id).expect(200);
    expect(body).toMatchObject({
      table: 'review',
      columns: ['title', 'body'],
      records: 1,
      versions: 3,
      auditEntries: 0,
    });
    expect(await tablesThatSay(secret)).toEqual([]);
    const now = await api.http.get(`${reviews.path}/${first.id}`).expect(200);
    const title = `[erased] ${first.id}`;
    expect(now.body).toMatchObject({ title, body: null, rating: 3, version: 4 });
    const versions = await history(first.id);
    expect(
      versions.map(({ version, actor, changed, record: { title, body: text, rating } }) => ({
        version,
        actor,
        changed,
        title,
        text,
        rating,
      })),
    ).toEqual([
      { version: 4, actor: login, changed: [], title, text: null, rating: 3 },
      { version: 3, actor: login, changed: ['rating'], title, text: null, rating: 3 },
      { version: 2, actor: login, changed: ['rating'], title, text: null, rating: 2 },
      { version: 1, actor: login, changed: expect.anything(), title, text: null, rating: 1 },
    ]);
  });

  it('reaches the versions of a record that is deleted, and does not bring it back', async () => {
    const secret = `trillian-${randomUUID()}`;
    const { id } = await create(reviews.path, make({ title: secret }));
    await remove(reviews.path, id);
    expect((await erase(reviews.path, id).expect(200)).body).toMatchObject({ records: 0, versions: 2 });
    expect(await tablesThatSay(secret)).toEqual([]);
    await api.http.get(`${reviews.path}/${id}`).expect(404);
    expect(await history(id)).toHaveLength(2);
  });

  it('reaches what the audit tells of a record that is gone for good', async () => {
    const secret = `ford-${randomUUID()}`;
    const { id } = await create(critics.path, aCritic({ name: secret }));
    await api.http.delete(`${critics.path}/${id}?purge=true`).expect(204);
    expect((await erase(critics.path, id).expect(200)).body).toMatchObject({ records: 0, auditEntries: 2 });
    expect(await tablesThatSay(secret)).toEqual([]);
  });

  it('leaves nothing of it in what the planner knows of its columns', async () => {
    const secret = `hotblack-${randomUUID()}`;
    const [{ id }] = [await create(critics.path, aCritic({ name: secret })), await create(critics.path, aCritic())];
    const made = [
      await create(reviews.path, make({ title: `${secret} 1` })),
      await create(reviews.path, make({ title: `${secret} 2` })),
    ];
    const known = () =>
      asAdmin(async (client) => {
        const { rows } = await client.query<{ tablename: string }>(
          'SELECT DISTINCT tablename FROM pg_stats AS s WHERE schemaname = $1 AND strpos(s::text, $2) > 0 ORDER BY 1',
          [`${api.prefix}t_demo`, secret],
        );
        return rows.map(({ tablename }) => tablename);
      });
    await asAdmin((client) =>
      client.query('ANALYZE critic, review, review_versions, audit_log, idempotency_key, file_part'),
    );
    expect(await known()).toEqual(['critic', 'review', 'review_versions']);
    await erase(critics.path, id).expect(200);
    for (const review of made) await erase(reviews.path, review.id).expect(200);
    expect(await known()).toEqual([]);
  });

  describe('where columns and tables were called otherwise', () => {
    const migrate = (...statements: string[]) =>
      asAdmin(async (client) => {
        await client.query(`SET ROLE ${quote(`${api.prefix}owner`)}`);
        const query = async (text: string) => (await client.query(text)).rows;
        for (const statement of ['BEGIN', ...statements]) await query(statement);
        await appendOnlyTable({ query } as unknown as QueryRunner, 'review');
        await query('COMMIT');
      });

    it('leaves nothing of it in the audit, under no name', async () => {
      const secret = `gag-${randomUUID()}`;
      const { id } = await create(critics.path, aCritic({ bio: secret }));
      await asAdmin((client) =>
        client.query(
          `ALTER TABLE critic RENAME bio TO about; UPDATE audit_log SET "table" = 'reviewer' WHERE row_id = '${id}'`,
        ),
      );
      await erase(critics.path, id).expect(200);
      await asAdmin((client) => client.query('ALTER TABLE critic RENAME about TO bio'));
      expect(await tablesThatSay(secret)).toEqual([]);
    });

    it('leaves nothing of it in versions of when there was another column', async () => {
      const secret = `deep-${randomUUID()}`;
      const { id } = await create(reviews.path, make({ body: secret }));
      await migrate('ALTER TABLE review DROP body');
      await asAdmin((client) => client.query(`SELECT FROM erase_record('review', '${id}', 'x')`));
      expect(await tablesThatSay(secret)).toEqual([]);
      await migrate('ALTER TABLE review ADD body text', `COMMENT ON COLUMN review.body IS 'personal'`);
      const again = await create(reviews.path, make({ body: secret }));
      await erase(reviews.path, again.id).expect(200);
      expect(await tablesThatSay(secret)).toEqual([]);
    });
  });

  it('keeps nobody waiting for a record there never was', async () => {
    const { id } = await create(reviews.path, make());
    await withRival(api, async (rival) => {
      await rival.run(
        `INSERT INTO review_versions (id, title, critic_id, book_id, rating, version)
         SELECT id, title, critic_id, book_id, rating, 2 FROM review WHERE id = $1`,
        [id],
      );
      expectProblem(await erase(reviews.path, UNKNOWN_ID), 404, 'not_found');
    });
  });

  it('gives the record another ETag, for who has it has what was erased', async () => {
    const { id } = await create(critics.path, aCritic());
    const { etag } = (await api.http.get(`${critics.path}/${id}`).expect(200)).headers;
    await erase(critics.path, id).expect(200);
    await api.http.get(`${critics.path}/${id}`).set('If-None-Match', etag).expect(200);
  });

  it('can be done again, and finds nothing new', async () => {
    const { id } = await create(reviews.path, make());
    await erase(reviews.path, id).expect(200);
    expect((await erase(reviews.path, id).expect(200)).body).toMatchObject({ records: 1, versions: 2 });
  });

  it('is done once under one Idempotency-Key', async () => {
    const { id } = await create(critics.path, aCritic());
    const send = () => erase(critics.path, id).set('Idempotency-Key', `erase-${id}`).expect(200);
    expect((await send()).body).toEqual((await send()).body);
  });

  it('answers 404 for a record there never was, and leaves no record of that', async () => {
    const count = async () => (await api.http.get('/api/v1/erasures?count=exact').expect(200)).body.total;
    const before = await count();
    expectProblem(await erase(critics.path, UNKNOWN_ID), 404, 'not_found');
    expectProblem(await erase(reviews.path, UNKNOWN_ID), 404, 'not_found');
    expect(await count()).toBe(before);
  });

  it.each([{}, { reason: '' }, { reason: 7 }, { reason: 'x'.repeat(1_001) }, { reason: 'x', id: 1 }])(
    'answers 422 for %j',
    async (body) => {
      expectProblem(await api.http.post(`${critics.path}/${UNKNOWN_ID}/erase`).send(body), 422);
    },
  );

  it('waits for who is writing the record, and erases that as well', async () => {
    const secret = `arthur-${randomUUID()}`;
    const { id } = await create(critics.path, aCritic());
    await withRival(api, async (rival) => {
      await rival.run('UPDATE critic SET name = $2, version = version + 1 WHERE id = $1', [id, secret]);
      const sent = begin(erase(critics.path, id));
      await rival.blocks(1);
      await rival.commit();
      expect((await sent).status).toBe(200);
    });
    expect(await tablesThatSay(secret)).toEqual([]);
  });

  it('waits for who is bringing back a deleted record', async () => {
    const secret = `slarti-${randomUUID()}`;
    const { id } = await create(reviews.path, make({ title: secret }));
    await remove(reviews.path, id);
    await withRival(api, async (rival) => {
      await rival.run(
        `INSERT INTO review_versions (id, title, critic_id, book_id, rating, version)
         SELECT id, title, critic_id, book_id, rating, 3 FROM review_versions WHERE id = $1 AND version = 1`,
        [id],
      );
      const sent = begin(erase(reviews.path, id));
      await rival.blocks(1);
      await rival.commit();
      expect((await sent).body).toMatchObject({ records: 1, versions: 3 });
    });
    expect(await tablesThatSay(secret)).toEqual([]);
  });
});

describe('GET /erasures', () => {
  it('tells of each who asked for it and why, the latest first, by filter and page', async () => {
    const [one, two] = [await create(critics.path, aCritic()), await create(reviews.path, make())];
    const done = [
      (await erase(critics.path, one.id, 'first').expect(200)).body,
      (await erase(reviews.path, two.id, 'second').expect(200)).body,
    ];
    const read = async (query: Values) => (await api.http.get('/api/v1/erasures').query(query).expect(200)).body;
    const { items, nextCursor } = await read({ limit: 1 });
    expect(items).toEqual([done[1]]);
    expect((await read({ limit: 1, cursor: nextCursor })).items).toEqual([done[0]]);
    expect((await read({ 'filter[rowId][eq]': one.id })).items).toEqual([done[0]]);
    expect((await read({ 'filter[table][eq]': 'review', limit: 1 })).items).toEqual([done[1]]);
  });
});

describe('whoever serves requests', () => {
  const sql = (text: string) => api.inTenant(() => currentUnit().manager.query(text));

  it.each([
    `UPDATE erasure SET reason = 'x'`,
    'DELETE FROM erasure',
    'TRUNCATE erasure',
    `INSERT INTO erasure (actor, "table", row_id, reason, columns, records, versions, audit_entries, answers)
     VALUES ('x', 'x', gen_random_uuid(), 'x', '{}', 0, 0, 0, 0)`,
    `COMMENT ON COLUMN book.name IS 'personal'`,
    'ALTER FUNCTION erase_record(text, uuid, text) RESET ALL',
  ])('may not: %s', async (statement) => {
    await expect(sql(statement)).rejects.toMatchObject({ driverError: { code: '42501' } });
  });

  it('may not have a table of its own erased, whose triggers would be run by who erases', async () => {
    const trick = sql(`
      CREATE TEMP TABLE bait (id uuid, text text, version int, updated_at timestamptz);
      COMMENT ON COLUMN bait.text IS 'personal';
      GRANT ALL ON bait TO PUBLIC;
      SELECT * FROM erase_record('bait', gen_random_uuid(), 'x')`);
    await expect(trick).rejects.toThrow('bait has no personal columns.');
  });

  it('may not erase what nobody said to be personal', async () => {
    await expect(sql(`SELECT * FROM erase_record('book', gen_random_uuid(), 'x')`)).rejects.toThrow(
      'book has no personal columns.',
    );
    await expect(sql(`SELECT * FROM erase_record('audit_log', gen_random_uuid(), 'x')`)).rejects.toThrow(
      'has no personal columns.',
    );
    await expect(sql(`SELECT * FROM erase_record('review"; --', gen_random_uuid(), 'x')`)).rejects.toThrow(
      'has no personal columns.',
    );
  });
});

it('works with TENANT_ROLES=off', async () => {
  const weak = await startApi({ TENANT_ROLES: 'off' });
  try {
    const { body } = await weak.http
      .post(reviews.path)
      .send((await reviews.prepare(weak))())
      .expect(201);
    const erased = await weak.http.post(`${reviews.path}/${body.id}/erase`).send({ reason: REASON }).expect(200);
    expect(erased.body).toMatchObject({ records: 1, versions: 1 });
    expect((await weak.http.get(`${reviews.path}/${body.id}`).expect(200)).body).toMatchObject({
      title: `[erased] ${body.id}`,
    });
    const critic = await weak.http.post(critics.path).send(aCritic()).expect(201);
    await weak.http.post(`${critics.path}/${critic.body.id}/erase`).send({ reason: REASON }).expect(200);
  } finally {
    await weak.close();
  }
});

describe('an API where something personal would not be erased', () => {
  const change = (work: (runner: QueryRunner) => Promise<unknown>) =>
    asAdmin(async (client) => {
      await client.query(`SET ROLE ${quote(`${api.prefix}owner`)}`);
      await work({ query: async (text: string) => (await client.query(text)).rows } as unknown as QueryRunner);
    });
  const start = () => openApi(testSettings({ SCHEMA_PREFIX: api.prefix }));
  const all = ['username', 'name', 'bio'];

  it.each([
    ['nobody told Postgres', (runner: QueryRunner) => personalColumns(runner, 'critic', ['username', 'name'])],
    [
      'whoever erases may not',
      (runner: QueryRunner) => runner.query(`REVOKE UPDATE ON critic FROM ${api.prefix}eraser`),
    ],
  ])('does not start where %s, and says what to type', async (_what, spoil) => {
    await change(spoil);
    await expect(start()).rejects.toThrow(
      /^Critic has .* in the tenant demo .* personalColumns\(runner, 'critic', \["username","name","bio"\]\)/,
    );
    await change((runner) => personalColumns(runner, 'critic', all));
    const { app } = await start();
    await closeApi(app);
  });

  it('is told at the migration what cannot be erased', async () => {
    await expect(change((runner) => personalColumns(runner, 'review', ['rating']))).rejects.toThrow(
      'review.rating cannot be erased',
    );
    const short = change(async (runner) => {
      await runner.query(`BEGIN; ALTER TABLE critic ADD motto varchar(20) NOT NULL DEFAULT ''`);
      await personalColumns(runner, 'critic', ['motto']);
    });
    await expect(short).rejects.toThrow('critic.motto cannot be erased');
    await expect(change((runner) => personalColumns(runner, 'book', ['name']))).resolves.toBeUndefined();
    await change((runner) => personalColumns(runner, 'book', []));
    await expect(change((runner) => personalColumns(runner, 'file_part', []))).rejects.toThrow(
      'file_part needs a column id',
    );
    await expect(change((runner) => personalColumns(runner, 'review', ['mood']))).rejects.toThrow(
      'review has no column mood.',
    );
  });
});
