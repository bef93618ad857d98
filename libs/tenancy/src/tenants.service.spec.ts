import { withAdmin } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { TenantsService } from './tenants.service';

describe('A request', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());
  afterEach(() => jest.restoreAllMocks());

  const set = (status: string) =>
    withAdmin(api.adminUrl, (client) => client.query(`UPDATE ${api.prefix}platform.tenant SET status = $1`, [status]));
  const fiveSecondsLater = () => {
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + 5_001);
  };
  /** As after a while in which nothing was asked. */
  const forgetting = async (status: string) => {
    await set(status);
    fiveSecondsLater();
    const answer = await api.http.get('/api/v1/books');
    return { status: answer.status, type: answer.type, code: answer.body.code, detail: answer.body.detail };
  };

  it.each([
    ['suspended', 403, 'tenant_suspended', 'Tenant demo is suspended.'],
    ['migration_failed', 503, 'tenant_migration_failed', 'Tenant demo cannot be served at the moment.'],
    ['provisioning', 503, 'tenant_provisioning', 'Tenant demo cannot be served at the moment.'],
    ['deleting', 404, 'not_found', 'Tenant demo does not exist.'],
  ])('of a tenant that is %s is answered %i', async (status, expected, code, detail) => {
    jest.restoreAllMocks();
    await set('active');
    Reflect.get(api.app.get(TenantsService, { strict: false }), 'remembered').clear();
    await api.http.get('/api/v1/books').expect(200);

    await set(status);
    await api.http.get('/api/v1/books').expect(200); // remembered, for five seconds at most
    expect(await forgetting(status)).toEqual({ status: expected, type: 'application/problem+json', code, detail });
  });
});
