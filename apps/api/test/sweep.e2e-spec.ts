import { DataSource } from 'typeorm';
import { Sweeper } from '@app/auth';
import { Sweep } from '@app/crud';
import { currentUnit, withAdmin } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { anEmail, aPerson, PASSWORD, Person, tokenTo } from './people';

const AUTH = '/api/v1/auth';
const TABLES = ['refresh_token', 'session', 'sign_up', 'password_reset', 'invitation', 'rate_limit'];

/** As many rows of each table; of `rate_limit` perhaps more, for requests are counted behind our back. */
const each = (count: number) => ({
  ...Object.fromEntries(TABLES.map((table) => [table, count])),
  rate_limit: expect.any(Number),
});

let api: TestApi;
let owner: Person;
beforeAll(async () => {
  api = await startApi();
  owner = await aPerson(api);
});
afterAll(() => api.close());

const sql = async <T>(text: string): Promise<T[]> =>
  (await withAdmin(api.adminUrl, (client) => client.query(text.replaceAll('P_', `${api.prefix}platform.`))))
    .rows as T[];
const sweep = () => api.app.get(Sweeper, { strict: false }).sweep();
const counts = async (): Promise<Record<string, number>> => {
  const [row] = await sql<Record<string, number>>(
    `SELECT ${TABLES.map((table) => `(SELECT count(*)::int FROM P_${table} AS t WHERE t::text NOT LIKE '%requests %') AS ${table}`).join()}`,
  );
  return row;
};

/** A row of each kind that lives, made as they are made. */
async function liveALittle(): Promise<{ refreshToken: string; signUpEmail: string; invitedEmail: string }> {
  const { email } = owner;
  const [signUpEmail, invitedEmail] = [anEmail(), anEmail()];
  const { body } = await api.anonymous.post(`${AUTH}/sign-in`).send({ email, password: PASSWORD }).expect(200);
  const { refreshToken } = body as { refreshToken: string };
  const { body: next } = await api.anonymous.post(`${AUTH}/refresh`).send({ refreshToken }).expect(200);
  await api.anonymous
    .post(`${AUTH}/sign-up`)
    .send({ email: signUpEmail, password: PASSWORD, tenantName: 'T' })
    .expect(202);
  await api.anonymous.post(`${AUTH}/password/forgot`).send({ email }).expect(202);
  await owner.http.post('/api/v1/members').send({ email: invitedEmail, role: 'viewer' }).expect(202);
  return { refreshToken: next.refreshToken as string, signUpEmail, invitedEmail };
}

/** Makes as many rows of each kind that have expired. */
const expiredCopies = (times = 1) =>
  sql(`
    INSERT INTO P_sign_up (id, email, password_hash, tenant_title, token_hash, expires_at, version)
      SELECT gen_random_uuid(), 'old@example.com', '', 'T', sha256(n::text::bytea), now() - interval '1 s', 1
        FROM generate_series(1, ${times}) AS n;
    INSERT INTO P_password_reset (token_hash, email, expires_at)
      SELECT sha256(n::text::bytea), 'old@example.com', now() - interval '1 s' FROM generate_series(1, ${times}) AS n;
    INSERT INTO P_invitation (id, tenant_id, email, role, token_hash, expires_at, version)
      SELECT gen_random_uuid(), '${owner.tenantId}', 'old' || n, 'viewer', sha256(n::text::bytea), now() - interval '1 s', 1
        FROM generate_series(1, ${times}) AS n;
    INSERT INTO P_rate_limit (key, points, expire)
      SELECT 'old ' || n, 1, extract(epoch FROM now() - interval '2 minutes')::bigint * 1000
        FROM generate_series(1, ${times}) AS n;
    WITH old AS (
      INSERT INTO P_session (id, login_id, last_used_at, expires_at, version)
        SELECT gen_random_uuid(), id, now() - interval '31 days', now() - interval '1 day', 1
          FROM P_login, generate_series(1, ${times}) WHERE email = '${owner.email}' RETURNING id)
      INSERT INTO P_refresh_token (hash, session_id, salt, used_at)
        SELECT sha256(id::text::bytea), id, '', now() - interval '31 days' FROM old`);

describe('sweep()', () => {
  it('deletes what has expired, and nothing that lives', async () => {
    const { refreshToken, signUpEmail, invitedEmail } = await liveALittle();
    await sweep();
    const living = await counts();
    for (const table of TABLES) expect([table, living[table]]).not.toEqual([table, 0]);

    await expiredCopies();
    expect(await sweep()).toEqual(each(1));
    expect(await counts()).toEqual(living);
    expect(await sweep()).toEqual(each(0));

    await api.anonymous.post(`${AUTH}/refresh`).send({ refreshToken }).expect(200);
    await api.anonymous
      .post(`${AUTH}/verify`)
      .send({ token: tokenTo(api, signUpEmail) })
      .expect(200);
    const accept = { token: tokenTo(api, invitedEmail), password: PASSWORD };
    await api.anonymous.post(`${AUTH}/invitations/accept`).send(accept).expect(204);
    const reset = { token: tokenTo(api, owner.email), password: PASSWORD };
    await api.anonymous.post(`${AUTH}/password/reset`).send(reset).expect(204);
  });

  it('keeps the used tokens of a session that is still used, so that a stolen one still ends it', async () => {
    const { refreshToken } = (
      await api.anonymous.post(`${AUTH}/sign-in`).send({ email: owner.email, password: PASSWORD }).expect(200)
    ).body;
    await api.anonymous.post(`${AUTH}/refresh`).send({ refreshToken }).expect(200);
    await sql(`UPDATE P_refresh_token SET used_at = now() - interval '29 days' WHERE used_at IS NOT NULL`);
    expect(await sweep()).toEqual(each(0));
    await api.anonymous.post(`${AUTH}/refresh`).send({ refreshToken }).expect(401);
    expect(await sql(`SELECT FROM P_session WHERE ended_at > now() - interval '1 minute'`)).not.toEqual([]);
  });

  it('finds what has expired by an index, of every table', async () => {
    const dataSource = api.app.get(DataSource, { strict: false });
    const spy = jest.spyOn(dataSource, 'query');
    await sweep();
    const statements = spy.mock.calls
      .map(([statement]) => statement)
      .filter((statement) => statement.startsWith('DELETE'));
    spy.mockRestore();
    expect(statements).toHaveLength(TABLES.length);
    const plans = await withAdmin(api.adminUrl, async (client) => {
      await client.query('SET enable_seqscan = off'); // the tables are small
      const of = async (statement: string) =>
        (await client.query(`EXPLAIN ${statement}`)).rows.map((row) => row['QUERY PLAN'] as string).join('\n');
      return Promise.all(statements.map(of));
    });
    for (const plan of plans) expect(plan).toMatch(/Index Cond: \(\w*(used_at|expire)/);
  });

  it('is shared by many at the same time, each row counted once', async () => {
    await expiredCopies(2_500); // more than a statement takes
    const living = await counts();
    const swept = await Promise.all([sweep(), sweep(), sweep()]);
    const total = (table: string) => swept.reduce((sum, by) => sum + (by as Record<string, number>)[table], 0);
    expect(Object.fromEntries(TABLES.map((table) => [table, total(table)]))).toEqual(each(2_500));
    await sweep(); // what one has skipped because another was about to delete it
    const left = await counts();
    for (const table of TABLES) expect([table, living[table] - left[table]]).toEqual([table, 2_500]);
  });
});

describe('the sweep of a tenant', () => {
  it('deletes the answers that have expired and the files that no job dropped, and keeps the others', async () => {
    const left = await api.inTenant(async () => {
      const { manager } = currentUnit();
      await manager.query(`
        INSERT INTO idempotency_key VALUES ('old', '', 200, '{}', NULL, now()), ('new', '', 200, '{}', NULL, now() + interval '1 s')`);
      await manager.query(`
        INSERT INTO file_part VALUES (gen_random_uuid(), 0, 'old', now() - interval '31 days'), (gen_random_uuid(), 0, 'new', now() - interval '29 days')`);
      await new Sweep().run();
      const text = 'SELECT id AS what FROM idempotency_key UNION ALL SELECT bytes FROM file_part';
      return (await manager.query(text)) as { what: Buffer }[];
    });
    expect(left.map(({ what }) => what.toString())).toEqual(['new', 'new']);
  });
});
