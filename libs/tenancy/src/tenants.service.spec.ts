import { withAdmin } from '@app/database';
import { startApi, TestApi } from '@app/testing';

describe('A request', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());

  const { now } = Date;
  let ahead = 0; // ms
  beforeAll(() => jest.spyOn(Date, 'now').mockImplementation(() => now() + ahead));
  afterAll(() => jest.restoreAllMocks());
  const fiveSecondsLater = () => (ahead += 5_000);

  const set = (status: string) =>
    withAdmin(api.adminUrl, (client) => client.query(`UPDATE ${api.prefix}platform.tenant SET status = $1`, [status]));

  it.each([
    ['suspended', 403, 'tenant_suspended', 'This tenant is suspended.'],
    ['migration_failed', 503, 'tenant_migration_failed', 'This tenant cannot be served at the moment.'],
    ['provisioning', 503, 'tenant_provisioning', 'This tenant cannot be served at the moment.'],
    ['deleting', 404, 'not_found', 'This tenant does not exist.'],
  ])('of a tenant that is %s is answered %i', async (status, expected, code, detail) => {
    await set('active');
    fiveSecondsLater();
    await api.http.get('/api/v1/books').expect(200);

    await set(status);
    await api.http.get('/api/v1/books').expect(200); // remembered, for less than five seconds
    fiveSecondsLater();
    const { body, type } = await api.http.get('/api/v1/books').expect(expected);
    expect({ type, body }).toMatchObject({ type: 'application/problem+json', body: { code, detail } });
  });
});
