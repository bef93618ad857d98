import supertest from 'supertest';
import { makeAdministrator } from '@app/auth';
import { Settings } from '@app/config';
import { DATABASE, Database, withAdmin } from '@app/database';
import { signIn, startApi, TestApi } from '@app/testing';
import { anEmail, aPerson, becomes, PASSWORD, Person, tokenIn, tokenTo } from './people';
import { expectProblem } from './problems';

const TENANTS = '/api/v1/platform/tenants';
const BOOKS = '/api/v1/books';

let api: TestApi;
let admin: ReturnType<typeof supertest.agent>;
beforeAll(async () => {
  api = await startApi();
  const login = { email: anEmail(), password: PASSWORD };
  const database = api.app.get<Database>(DATABASE, { strict: false });
  const link = await makeAdministrator(database, api.app.get(Settings, { strict: false }), login.email);
  const reset = { token: tokenIn(link), password: login.password };
  await api.anonymous.post('/api/v1/auth/password/reset').send(reset).expect(204);
  admin = supertest.agent(api.url).set('Authorization', await signIn(api.url, login));
});
afterAll(() => api.close());

const sql = async (text: string): Promise<any[]> =>
  (await withAdmin(api.adminUrl, (client) => client.query(text.replaceAll('P_', `${api.prefix}platform.`)))).rows;

describe('what concerns all tenants', () => {
  const ROUTES = [
    ['get', TENANTS],
    ['post', TENANTS],
    ['post', `${TENANTS}/migrate`],
    ['get', `${TENANTS}/019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77`],
    ['patch', `${TENANTS}/019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77`],
    ['delete', `${TENANTS}/019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77`],
    ['post', `${TENANTS}/019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77/export`],
    ['get', '/api/v1/platform/migrations'],
  ] as const;

  it.each(ROUTES)('is closed to owners of tenants: %s %s', async (method, path) => {
    expectProblem(await api.http[method](path), 403, 'forbidden');
  });

  it.each([BOOKS, '/api/v1/members'])(
    'is all that an administrator may do, who owns no tenant: GET %s',
    async (path) => {
      expect((await admin.get(path)).status).toBe(403);
    },
  );
});

describe('a tenant', () => {
  it('is made, and its owner invited', async () => {
    const email = anEmail();
    const { body } = await admin.post(TENANTS).send({ name: 'acme', title: 'Acme Ltd', ownerEmail: email }).expect(201);
    expect(body).toEqual({
      id: expect.any(String),
      name: 'acme',
      title: 'Acme Ltd',
      status: 'active',
      cluster: 'main',
      error: null,
    });
    const accept = { token: tokenTo(api, email), password: PASSWORD };
    await api.anonymous.post('/api/v1/auth/invitations/accept').send(accept).expect(204);
    const authorization = await signIn(api.url, { email, password: PASSWORD });
    await api.anonymous.get('/api/v1/members').set('Authorization', authorization).expect(200);
    expectProblem(await admin.post(TENANTS).send({ name: 'acme' }), 409, 'tenant_state');
  });

  it.each(['Acme', 'a b', '', 'x'.repeat(41), 'x"; DROP SCHEMA platform; --'])('is not called %j', async (name) => {
    expectProblem(await admin.post(TENANTS).send({ name }), 422, 'matches');
  });

  it.each(['two\nlines', ' ', 'x'.repeat(101)])('is not for %j', async (title) => {
    expect((await admin.post(TENANTS).send({ name: 'titled', title })).status).toBe(422);
  });

  it('is not taken over from somebody who has signed up and whose tenant is not there yet', async () => {
    const person = await aPerson(api, 'Slow');
    await sql(`UPDATE P_tenant SET status = 'provisioning' WHERE id = '${person.tenantId}'`);
    expectProblem(await admin.post(TENANTS).send({ name: 'slow', ownerEmail: anEmail() }), 409, 'tenant_state');
    await sql(`UPDATE P_tenant SET status = 'active' WHERE id = '${person.tenantId}'`);
  });

  it('has its owner invited again, should the first mail be lost, until somebody works in it', async () => {
    const [lost, email] = [anEmail(), anEmail()];
    const create = (ownerEmail: string) => admin.post(TENANTS).send({ name: 'lost', ownerEmail });
    const { body } = await create(lost).expect(201);
    expect((await create(email).expect(201)).body.id).toBe(body.id);
    const accept = { token: tokenTo(api, email), password: PASSWORD };
    await api.anonymous.post('/api/v1/auth/invitations/accept').send(accept).expect(204);
    expectProblem(await create(lost), 409, 'tenant_state');
  });

  it('is completed when it was left half made', async () => {
    const schema = `${api.prefix}t_half`;
    await sql(
      `INSERT INTO P_tenant (id, name, title, schema_name, role_name, version)
       VALUES (gen_random_uuid(), 'half', 'Half', '${schema}', '${schema}_role', 1)`,
    );
    const { body } = await admin.post(TENANTS).send({ name: 'half' }).expect(201);
    expect(body).toMatchObject({ status: 'active', title: 'Half' });
  });

  it('is shut out while it is suspended, within five seconds, and let in again', async () => {
    const person = await aPerson(api, 'Pausing');
    const path = `${TENANTS}/${person.tenantId}`;
    await person.http.get(BOOKS).expect(200);
    expect((await admin.patch(path).send({ status: 'suspended' }).expect(200)).body.status).toBe('suspended');
    await becomes(403, () => person.http.get(BOOKS));
    for (const path of [BOOKS, '/api/v1/members', '/api/v1/auth/api-keys'])
      expectProblem(await person.http.get(path), 403, 'tenant_suspended');
    await api.http.get(BOOKS).expect(200);
    await admin.patch(path).send({ status: 'active' }).expect(200);
    await becomes(200, () => person.http.get(BOOKS));
    expectProblem(await admin.patch(path).send({ status: 'deleting' }), 422, 'is_in');
  });

  it('is deleted with its schema, its role, its members, their sessions and keys, but not their logins', async () => {
    const person = await aPerson(api, 'Leaving');
    const key = { name: 'K', scopes: ['*:read'] };
    await person.http.post('/api/v1/auth/api-keys').send(key).expect(201);
    await person.http.get(BOOKS).expect(200);
    await admin.delete(`${TENANTS}/${person.tenantId}`).expect(204);
    expectProblem(await person.http.get(BOOKS), 404, 'not_found'); // though it is still remembered as active
    expectProblem(await admin.get(`${TENANTS}/${person.tenantId}`), 404, 'not_found');
    await becomes(401, () => person.http.get(BOOKS));
    const left = await sql(
      `SELECT 'schema' FROM pg_namespace WHERE nspname = '${api.prefix}t_leaving'
       UNION ALL SELECT 'role' FROM pg_roles WHERE rolname = '${api.prefix}t_leaving_role'
       UNION ALL SELECT 'member' FROM P_membership WHERE tenant_id = '${person.tenantId}'
       UNION ALL SELECT 'session' FROM P_session WHERE tenant_id = '${person.tenantId}'
       UNION ALL SELECT 'key' FROM P_api_key WHERE tenant_id = '${person.tenantId}'`,
    );
    expect(left).toEqual([]);
    await signIn(api.url, { email: person.email, password: person.password });
  });

  it('is taken away as an archive that can be read to its end', async () => {
    const person = await aPerson(api, 'Moving');
    await person.http.post(BOOKS).send({ identifier: 'packed', name: 'N', author: 'A' }).expect(201);
    const answer = await admin.post(`${TENANTS}/${person.tenantId}/export`).buffer(true).expect(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-disposition': 'attachment; filename="moving.ndjson"',
    });
    const lines = (answer.text ?? String(answer.body))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ name: 'moving', title: 'Moving' });
    expect(lines).toContainEqual(expect.objectContaining({ table: 'book' }));
    expect(JSON.stringify(lines)).toContain('packed');
  });
});

describe('GET /platform/tenants', () => {
  it('lists all tenants by name, a hundred at a time', async () => {
    await sql(
      `INSERT INTO P_tenant (id, name, title, schema_name, status, version)
       SELECT gen_random_uuid(), 'many_' || n, 'Many', 'many_' || n, 'suspended', 1 FROM generate_series(1, 150) n`,
    );
    const names: string[] = [];
    for (let after: string | null = ''; after !== null;) {
      const { body } = await admin
        .get(TENANTS)
        .query(after ? { after } : {})
        .expect(200);
      expect(body.items.length).toBeLessThanOrEqual(100);
      names.push(...body.items.map(({ name }: { name: string }) => name));
      after = body.nextCursor as string | null;
    }
    const rows = await sql('SELECT name FROM P_tenant ORDER BY name');
    expect(names).toEqual(rows.map(({ name }) => name as string));
    await sql(`DELETE FROM P_tenant WHERE name LIKE 'many_%'`);
  });
});

describe('migrations', () => {
  const read = async () => (await admin.get('/api/v1/platform/migrations').expect(200)).body;
  let person: Person;
  beforeAll(async () => (person = await aPerson(api, 'Behind')));

  it('are seen, and those that failed with their reasons', async () => {
    const { platform, upToDate, behind } = await read();
    expect(platform).toMatchObject({ name: 'platform', behind: 0, error: null });
    expect(upToDate).toBeGreaterThan(0);
    expect(behind).toEqual([]);

    const [{ migrated_to: newest }] = await sql(`SELECT migrated_to FROM P_tenant WHERE id = '${person.tenantId}'`);
    await sql(
      `UPDATE P_tenant SET status = 'migration_failed', error = 'it broke', migrated_to = migrated_to - 1
        WHERE id = '${person.tenantId}'`,
    );
    const broken = { name: 'behind', status: 'migration_failed', migratedTo: newest - 1, behind: 1, error: 'it broke' };
    expect(await read()).toMatchObject({ upToDate: upToDate - 1, behind: [broken] });
    await becomes(503, () => person.http.get(BOOKS));
  });

  it('are run again for those that failed', async () => {
    const { body } = await admin.post(`${TENANTS}/migrate`).expect(200);
    expect(body.behind).toEqual([]);
    await becomes(200, () => person.http.get(BOOKS));
  });
});
