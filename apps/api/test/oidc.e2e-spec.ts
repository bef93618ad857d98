import { createServer, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';
import { DATABASE, Database } from '@app/database';
import { provisionTenant } from '@app/tenancy';
import { startApi, TestApi } from '@app/testing';
import { expectProblem } from './problems';

const AUDIENCE = 'https://books.example.com';
const BOOKS = '/api/v1/books';

/** A program at the provider, and what the provider says of it. */
interface Client {
  claims: Record<string, unknown>;
  audience?: string;
  /** Seconds its tokens last. */
  lasts?: number;
}

/** A real OpenID provider on a free port, whose tokens say what its clients are registered with. */
class TestProvider {
  private constructor(
    readonly issuer: string,
    private readonly server: Server,
  ) {}

  static async start(clients: Record<string, Client>): Promise<TestProvider> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const provider = new Provider(issuer, {
      clients: Object.keys(clients).map((id) => ({
        client_id: id,
        client_secret: `secret of ${id}`,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_post' as const,
      })),
      jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'first' }] },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          getResourceServerInfo: (_context, _resource, { clientId }) => ({
            scope: 'api',
            audience: clients[clientId].audience ?? AUDIENCE,
            accessTokenFormat: 'jwt',
            accessTokenTTL: clients[clientId].lasts ?? 600,
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
      extraTokenClaims: (_context, token) => clients[(token as { clientId: string }).clientId].claims,
    });
    server.on('request', (request, response) => void provider.callback()(request, response));
    return new TestProvider(issuer, server);
  }

  /** The access token that a client is given. */
  async tokenOf(id: string): Promise<string> {
    const form = { grant_type: 'client_credentials', client_id: id, client_secret: `secret of ${id}`, scope: 'api' };
    const answer = await fetch(`${this.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });
    const { access_token: token } = (await answer.json()) as { access_token?: string };
    if (!token) throw new Error(`The provider gives ${id} no token: ${answer.status}.`);
    return token;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('AUTH_MODE=oidc', () => {
  const clients: Record<string, Client> = {
    owner: { claims: { tid: 'acme', roles: ['owner'] } },
    viewer: { claims: { tid: 'acme', roles: 'viewer' } },
    other: { claims: { tid: 'other', roles: ['editor'] } },
    stranger: { claims: { tid: 'nobody', roles: ['owner'] } },
    nobody: { claims: {} },
    admin: { claims: { roles: ['platform-admin'] } },
    elsewhere: { claims: { tid: 'acme', roles: ['owner'] }, audience: 'https://elsewhere.example.com' },
    brief: { claims: { tid: 'acme', roles: ['owner'] }, lasts: 2 },
  };
  let provider: TestProvider;
  let api: TestApi;
  beforeAll(async () => {
    for (const method of ['warn', 'info'] as const) jest.spyOn(console, method).mockReturnValue(); // that its store is in memory
    provider = await TestProvider.start(clients);
    api = await startApi({ AUTH_MODE: 'oidc', OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: AUDIENCE });
    for (const name of ['acme', 'other'])
      await provisionTenant(api.app.get<Database>(DATABASE, { strict: false }), name);
  });
  afterAll(async () => {
    await api.close();
    provider.stop();
  });

  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const as = async (client: string) => bearer(await provider.tokenOf(client));
  const book = (identifier: string) => ({ identifier, name: 'N', author: 'A' });

  it('lets in whom the provider knows, to the tenant and with the role that its token names', async () => {
    await api.anonymous
      .post(BOOKS)
      .set(await as('owner'))
      .send(book('acme'))
      .expect(201);
    const { body } = await api.anonymous
      .get(BOOKS)
      .set(await as('viewer'))
      .expect(200);
    expect(body.items).toMatchObject([{ identifier: 'acme' }]);
    expectProblem(
      await api.anonymous
        .post(BOOKS)
        .set(await as('viewer'))
        .send(book('no')),
      403,
      'forbidden',
    );
    expect(
      (
        await api.anonymous
          .get(BOOKS)
          .set(await as('other'))
          .expect(200)
      ).body.items,
    ).toEqual([]);
    await api.anonymous
      .post(BOOKS)
      .set(await as('other'))
      .send(book('acme'))
      .expect(201);
  });

  it('takes the id of a tenant for its name', async () => {
    const { body } = await api.anonymous
      .get('/api/v1/platform/tenants')
      .set(await as('admin'))
      .expect(200);
    const { id } = body.items.find(({ name }: { name: string }) => name === 'acme');
    clients.nobody.claims = { tid: id, roles: ['viewer'] };
    await api.anonymous
      .get(BOOKS)
      .set(await as('nobody'))
      .expect(200);
    clients.nobody.claims = {};
  });

  it('keeps out who names no tenant, or one that there is not', async () => {
    for (const client of ['nobody', 'stranger', 'admin'])
      expectProblem(await api.anonymous.get(BOOKS).set(await as(client)), 403, 'no_tenant');
  });

  it('refuses a token that is for somebody else', async () => {
    expectProblem(await api.anonymous.get(BOOKS).set(await as('elsewhere')), 401, 'invalid_token');
  });

  it('refuses a token once it has expired, though it was believed before', async () => {
    const token = await as('brief');
    await api.anonymous.get(BOOKS).set(token).expect(200);
    let status = 200;
    for (const deadline = Date.now() + 5_000; status === 200 && Date.now() < deadline;)
      status = (await api.anonymous.get(BOOKS).set(token)).status;
    expect(status).toBe(401);
  });

  it('refuses what the provider did not sign', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const forged = new SignJWT({ tid: 'acme', roles: ['owner'] })
      .setProtectedHeader({ alg: 'RS256', kid: 'first' })
      .setIssuer(provider.issuer)
      .setAudience(AUDIENCE)
      .setSubject('owner')
      .setExpirationTime('1h');
    expectProblem(await api.anonymous.get(BOOKS).set(bearer(await forged.sign(privateKey))), 401, 'invalid_token');
    const [header, payload] = (await provider.tokenOf('owner')).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const token of [`${none}.${payload}.`, `${header}.${payload}.`, 'x.y.z', 'x'])
      expectProblem(await api.anonymous.get(BOOKS).set(bearer(token)), 401, 'invalid_token');
    expectProblem(await api.anonymous.get(BOOKS), 401, 'unauthenticated');
  });

  it('limits how many wrong tokens an address may send, and lets right ones in all the same', async () => {
    const limited = await startApi({
      AUTH_MODE: 'oidc',
      OIDC_ISSUER: provider.issuer,
      OIDC_AUDIENCE: AUDIENCE,
      RATE_LIMIT_AUTH: '3',
    });
    try {
      const ask = (credential: { Authorization: string }) =>
        limited.anonymous.get('/api/v1/platform/tenants').set(credential);
      const statuses = [];
      for (let n = 0; n < 5; n++) statuses.push((await ask(bearer(`wrong${n}`))).status);
      expect(statuses).toEqual([401, 401, 401, 429, 429]);
      await ask(await as('admin')).expect(200);
    } finally {
      await limited.close();
    }
  });

  it('signs nobody in itself, and has no demonstration', async () => {
    for (const path of ['/auth/sign-in', '/auth/sign-up', '/auth/token', '/auth/refresh'])
      expectProblem(await api.anonymous.post(`/api/v1${path}`).send({}), 404, 'not_found');
    expect((await api.anonymous.get('/').expect(200)).text).not.toContain('demo-password');
  });

  it('answers 503 while the provider cannot be asked for its keys, and serves once it can', async () => {
    const [free, token] = [createServer(), await provider.tokenOf('owner')];
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(free.address() as AddressInfo).port}`;
    let isUp = false;
    free.on('request', (request, response) => {
      if (!isUp) return void request.socket.destroy();
      response.end(JSON.stringify({ issuer, jwks_uri: `${provider.issuer}/jwks` }));
    });
    const waiting = await startApi({ AUTH_MODE: 'oidc', OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE });
    try {
      expectProblem(await waiting.anonymous.get(BOOKS).set(bearer(token)), 503, 'provider_unavailable');
      isUp = true;
      expectProblem(await waiting.anonymous.get(BOOKS).set(bearer(token)), 401, 'invalid_token'); // of another issuer
    } finally {
      await waiting.close();
      free.closeAllConnections();
      free.close();
    }
  });
});
