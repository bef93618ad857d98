import supertest from 'supertest';
import { DEMO_LOGIN, makeAdministrator } from '@app/auth';
import { Settings } from '@app/config';
import { DATABASE, Database, withAdmin } from '@app/database';
import { signIn, startApi, TestApi } from '@app/testing';
import { aMember, anEmail, becomes, PASSWORD, Person, tokenIn } from './people';
import { expectProblem } from './problems';

const BOOKS = '/api/v1/books';

describe('TENANCY=single', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({ TENANCY: 'single' });
  });
  afterAll(() => api.close());
  /** The demonstration's login, which owns the tenant. */
  const demo = async (): Promise<Person> => {
    const { body } = await api.http.get('/api/v1/auth/me').expect(200);
    const { authorization, http } = api;
    return { ...DEMO_LOGIN, tenantId: body.tenantId as string, authorization, http };
  };
  const sql = (text: string) => withAdmin(api.adminUrl, (client) => client.query(text));

  it('serves one tenant, which is there from the start', async () => {
    await api.http.post(BOOKS).send({ identifier: 'only', name: 'N', author: 'A' }).expect(201);
    const { rows } = await sql(`SELECT identifier FROM ${api.prefix}t_main.book`);
    expect(rows).toEqual([{ identifier: 'only' }]);
    const { rows: tenants } = await sql(`SELECT name, status FROM ${api.prefix}platform.tenant`);
    expect(tenants).toEqual([{ name: 'main', status: 'active' }]);
  });

  it('asks no registry for it', async () => {
    const registry = `${api.prefix}platform.tenant`;
    await sql(`ALTER TABLE ${registry} RENAME TO away`);
    try {
      let answers = 0; // for longer than anything is remembered
      const deadline = Date.now() + 4_500;
      while (Date.now() < deadline && ++answers) await api.http.get(BOOKS).expect(200);
      expect(answers).toBeGreaterThan(10);
    } finally {
      await sql(`ALTER TABLE ${api.prefix}platform.away RENAME TO tenant`);
    }
  });

  it('lets in whom its members invite, and no one sign up', async () => {
    const owner = await demo();
    const viewer = await aMember(api, owner, 'viewer');
    await viewer.http.get(BOOKS).expect(200);
    const signUp = { email: anEmail(), password: PASSWORD, tenantName: 'T' };
    expectProblem(await api.anonymous.post('/api/v1/auth/sign-up').send(signUp), 403, 'sign_up_closed');
  });

  it('has an administrator who owns it, and makes no other', async () => {
    const login = { email: anEmail(), password: PASSWORD };
    const database = api.app.get<Database>(DATABASE, { strict: false });
    const link = await makeAdministrator(database, api.app.get(Settings, { strict: false }), login.email);
    const reset = { token: tokenIn(link), password: login.password };
    await api.anonymous.post('/api/v1/auth/password/reset').send(reset).expect(204);
    const admin = supertest.agent(api.url).set('Authorization', await signIn(api.url, login));
    await admin.get('/api/v1/members').expect(200);
    expectProblem(await admin.post('/api/v1/platform/tenants').send({ name: 'other' }), 409, 'tenant_state');
  });

  it('shuts nobody in who was removed', async () => {
    const owner = await demo();
    const member = await aMember(api, owner, 'editor');
    const { items } = (await api.http.get('/api/v1/members').expect(200)).body;
    const { id } = items.find(({ email }: { email: string }) => email === member.email);
    await api.http.delete(`/api/v1/members/${id}`).expect(204);
    await becomes(401, () => member.http.get(BOOKS));
  });
});
