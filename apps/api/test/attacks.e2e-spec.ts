import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { Passwords } from '@app/auth';
import { withAdmin } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { MODELS } from './models';
import { aMember, anEmail, aPerson, mailTo, PASSWORD, Person } from './people';
import { expectProblem } from './problems';

const AUTH = '/api/v1/auth';
const BOOKS = '/api/v1/books';
const JSON_BODY = { 'Content-Type': 'application/json' };

let api: TestApi;
let [ada, bob]: Person[] = [];
beforeAll(async () => {
  api = await startApi();
  [ada, bob] = [await aPerson(api, 'Ada Inc'), await aPerson(api, 'Bob Inc')];
});
afterAll(() => api.close());

const aBook = () => ({ identifier: randomUUID(), name: 'N', author: 'A' });
const sql = async (text: string) =>
  (await withAdmin(api.adminUrl, (client) => client.query(text.replaceAll('P_', `${api.prefix}platform.`)))).rows;

describe('a forged access token', () => {
  let genuine: string;
  let jwk: Record<string, string>;
  let privateKey: string;
  beforeAll(async () => {
    genuine = ada.authorization.split(' ')[1];
    [jwk] = (await api.anonymous.get('/.well-known/jwks.json')).body.keys;
    [{ value: privateKey }] = await sql(`SELECT value FROM P_key WHERE name = 'jwt'`);
  });

  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const send = (token: string) => api.anonymous.get(BOOKS).set('Authorization', `Bearer ${token}`);
  const signed = (header: Partial<JWTHeaderParameters>, payload: JWTPayload, pem = privateKey) =>
    new SignJWT({ ...decodeJwt(genuine), ...payload })
      .setProtectedHeader({ ...(decodeProtectedHeader(genuine) as JWTHeaderParameters), ...header })
      .sign(createPrivateKey(pem));

  it('is refused though it only lacks the forgery: this harness signs what is believed', async () => {
    await send(await signed({}, {})).expect(200);
  });

  it('is refused with alg=none', async () => {
    for (const alg of ['none', 'None', '']) {
      const token = `${part({ ...decodeProtectedHeader(genuine), alg })}.${part(decodeJwt(genuine))}.`;
      expectProblem(await send(token), 401, 'invalid_token');
    }
  });

  it('is refused when signed by HMAC with the public key', async () => {
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk), jwk.x]) {
      const token = await new SignJWT(decodeJwt(genuine))
        .setProtectedHeader({ alg: 'HS256', kid: jwk.kid, typ: 'at+jwt' })
        .sign(Buffer.from(secret));
      expectProblem(await send(token), 401, 'invalid_token');
    }
  });

  it('is refused when signed by a key of its own, even one it brings along', async () => {
    const own = generateKeyPairSync('ed25519');
    const pem = own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    expectProblem(await send(await signed({}, {}, pem)), 401, 'invalid_token');
    const brought = own.publicKey.export({ format: 'jwk' }) as JWTHeaderParameters['jwk'];
    expectProblem(await send(await signed({ jwk: brought }, {}, pem)), 401, 'invalid_token');
    expectProblem(await send(await signed({ jku: 'http://127.0.0.1:1/keys' }, {}, pem)), 401, 'invalid_token');
  });

  it.each([
    ['issuer', {}, { iss: 'http://127.0.0.1:9' }],
    ['audience', {}, { aud: 'somebody-else' }],
    ['key id', { kid: 'another' }, {}],
    ['type', { typ: 'JWT' }, {}],
    ['time: it has expired', {}, { exp: Math.floor(Date.now() / 1_000) - 1 }],
    ['time: it never expires', {}, { exp: undefined }],
    ['session', {}, { sid: randomUUID() }],
    ['subject', {}, { sub: randomUUID() }],
  ])('is refused with another %s', async (_what, header, payload) => {
    expectProblem(await send(await signed(header, payload as JWTPayload)), 401, /invalid_token|session_over/);
  });

  it("is refused with another tenant's id, though that is its member's", async () => {
    expectProblem(await send(await signed({}, { tid: bob.tenantId })), 401, 'session_over');
    expectProblem(await send(await signed({}, { tid: undefined })), 401, 'session_over');
  });

  it('gains nothing by roles it claims', async () => {
    const viewer = await aMember(api, ada, 'viewer');
    genuine = viewer.authorization.split(' ')[1];
    const token = await signed({}, { roles: ['owner', 'platform-admin'] });
    await send(token).expect(200);
    const write = await api.anonymous.post(BOOKS).set('Authorization', `Bearer ${token}`).send(aBook());
    expectProblem(write, 403, 'forbidden');
  });

  it('is refused with a part changed or cut off', async () => {
    const [header, payload, signature] = genuine.split('.');
    const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
    const tokens = [
      `${header}.${payload}.${flipped}`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
    ];
    for (const token of tokens) expectProblem(await send(token), 401, 'invalid_token');
  });
});

describe('a member of one tenant', () => {
  it.each(MODELS)('finds nothing of another by its ids: $path', async (model) => {
    const make = await model.prepare({ ...api, http: bob.http });
    const { body, headers } = await bob.http.post(model.path).send(make()).expect(201);
    const url = `${model.path}/${body.id}`;
    expectProblem(await ada.http.get(url), 404, 'not_found');
    expectProblem(await ada.http.patch(url).set('If-Match', headers.etag).send(model.change), 404, 'not_found');
    expectProblem(await ada.http.delete(url).set('If-Match', headers.etag), 404, 'not_found');
    const { body: read } = await ada.http
      .post(`${model.path}/bulk/read`)
      .send({ ids: [body.id] })
      .expect(200);
    expect(read).toEqual({ items: [], missing: [body.id] });
    expect((await ada.http.get(model.path).expect(200)).body.items).toEqual([]);
    expect((await ada.http.get(`${model.path}/export`).expect(200)).text).toBe('');
    expect((await bob.http.get(url).expect(200)).body).toEqual(body);
  });

  it("cannot go on with another's cursor", async () => {
    await bob.http.post(`${BOOKS}/bulk`).send([aBook(), aBook()]).expect(201);
    await ada.http.post(`${BOOKS}/bulk`).send([aBook(), aBook()]).expect(201);
    const { nextCursor } = (await bob.http.get(BOOKS).query({ limit: 1 }).expect(200)).body;
    expect((await ada.http.get(BOOKS).query({ limit: 1, cursor: nextCursor })).status).toBe(400);
    await bob.http.get(BOOKS).query({ limit: 1, cursor: nextCursor }).expect(200);
  });

  it("is not answered what another's Idempotency-Key was", async () => {
    const [key, book] = [randomUUID(), aBook()];
    const write = ({ http }: Person) => http.post(BOOKS).set('Idempotency-Key', key).send(book).expect(201);
    const [his, hers] = [await write(bob), await write(ada)];
    expect(hers.headers['idempotency-replayed']).toBeUndefined();
    expect(hers.body.id).not.toBe(his.body.id);
  });

  it("cannot tell another member's stored answers either", async () => {
    const colleague = await aMember(api, ada, 'editor');
    const [key, book] = [randomUUID(), aBook()];
    await ada.http.post(BOOKS).set('Idempotency-Key', key).send(book).expect(201);
    expectProblem(await colleague.http.post(BOOKS).set('Idempotency-Key', key).send(book), 409, 'unique');
  });

  it("cannot use or end another's API keys, members and sessions", async () => {
    const { body: key } = await bob.http
      .post(`${AUTH}/api-keys`)
      .send({ name: 'K', scopes: ['*:read'] })
      .expect(201);
    const [{ id: member }] = (await bob.http.get('/api/v1/members')).body.items;
    const [{ id: session }] = (await bob.http.get(`${AUTH}/sessions`)).body.items;
    expectProblem(await ada.http.delete(`${AUTH}/api-keys/${key.id}`), 404, 'not_found');
    expectProblem(await ada.http.delete(`/api/v1/members/${member}`), 404, 'not_found');
    expectProblem(await ada.http.patch(`/api/v1/members/${member}`).send({ role: 'viewer' }), 404, 'not_found');
    expectProblem(await ada.http.delete(`${AUTH}/sessions/${session}`), 404, 'not_found');
    expect((await ada.http.get(`${AUTH}/api-keys`)).body.items).toEqual([]);
    await bob.http.get(BOOKS).expect(200);
  });

  it.each(['X-Tenant-Id', 'X-Tenant', 'Tenant'])('gets nowhere by a header %s', async (name) => {
    await bob.http
      .post(BOOKS)
      .send({ ...aBook(), name: 'his' })
      .expect(201);
    const { body } = await ada.http.get(BOOKS).set(name, bob.tenantId).query({ 'filter[name][eq]': 'his' }).expect(200);
    expect(body.items).toEqual([]);
  });

  it('cannot switch to a tenant of others', async () => {
    expectProblem(await ada.http.post(`${AUTH}/switch`).send({ tenantId: bob.tenantId }), 403, 'not_a_member');
  });

  it.each(['/tenants', '/logins', '/users', '/platform/tenants', '/auth/logins', '/platform/migrations'])(
    'cannot list who else there is: GET %s',
    async (path) => {
      expect([403, 404]).toContain((await ada.http.get(`/api/v1${path}`)).status);
    },
  );
});

describe('self-promotion', () => {
  it('is not possible by making oneself something else', async () => {
    const editor = await aMember(api, ada, 'editor');
    const { items } = (await ada.http.get('/api/v1/members')).body;
    const { id } = items.find(({ email }: Person) => email === editor.email);
    expectProblem(await editor.http.patch(`/api/v1/members/${id}`).send({ role: 'owner' }), 403, 'forbidden');
    expectProblem(await ada.http.patch(`/api/v1/members/${id}`).send({ role: 'platform-admin' }), 422, 'is_in');
  });

  it.each(['isPlatformAdmin', 'role', 'roles', 'tenantId', 'id', 'passwordHash'])(
    'is not possible by a field %s that sign-up does not have',
    async (field) => {
      const values = { email: anEmail(), password: PASSWORD, tenantName: 'T', [field]: 'x' };
      expectProblem(await api.anonymous.post(`${AUTH}/sign-up`).send(values), 422, 'unknown_field');
    },
  );
});

describe('mass assignment', () => {
  it.each(MODELS)('of what only the system writes is refused: $path', async (model) => {
    const make = await model.prepare({ ...api, http: ada.http });
    const { body } = await ada.http.post(model.path).send(make()).expect(201);
    for (const field of ['id', 'version', 'createdAt', 'updatedAt', 'tenantId', 'tenant_id', '__proto__x']) {
      const values = { ...make(), [field]: body[field] ?? bob.tenantId };
      expectProblem(await ada.http.post(model.path).send(values), 422, 'unknown_field');
      expectProblem(await ada.http.patch(`${model.path}/${body.id}`).send({ [field]: 1 }), 422, 'unknown_field');
    }
    expect((await ada.http.get(`${model.path}/${body.id}`)).body).toEqual(body);
  });
});

describe('SQL', () => {
  const EVIL = `x"; DROP TABLE book; --`;
  const isRefused = (status: number) => expect([400, 422]).toContain(status);
  afterEach(() => ada.http.get(BOOKS).expect(200));

  it('in sort, fields, include, filters and cursors is refused', async () => {
    for (const query of [
      { sort: EVIL },
      { sort: 'name;DROP TABLE book' },
      { fields: EVIL },
      { include: EVIL },
      { cursor: EVIL },
      { [`filter[${EVIL}][eq]`]: 'x' },
      { [`filter[name][${EVIL}]`]: 'x' },
      { 'filter[releaseYear][eq]': '1; DROP TABLE book' },
    ])
      isRefused((await ada.http.get(BOOKS).query(query)).status);
  });

  it('in a value is a value', async () => {
    const { body } = await ada.http
      .post(BOOKS)
      .send({ ...aBook(), name: EVIL })
      .expect(201);
    const found = await ada.http.get(BOOKS).query({ 'filter[name][eq]': EVIL }).expect(200);
    expect(found.body.items).toEqual([body]);
  });

  it('in the header of a CSV file is refused', async () => {
    const csv = `identifier,name,author,${JSON.stringify(EVIL)}\n1,N,A,x\n`;
    isRefused((await ada.http.post(`${BOOKS}/import`).type('text/csv').send(csv)).status);
  });

  it("in a tenant's name is a name", async () => {
    const person = await aPerson(api, EVIL);
    const { body } = await person.http.get(`${AUTH}/me`).expect(200);
    expect(body.tenants[0].title).toBe(EVIL);
    expect(await sql(`SELECT schema_name FROM P_tenant WHERE id = '${person.tenantId}'`)).toEqual([
      { schema_name: `${api.prefix}t_x_drop_table_book` },
    ]);
    await person.http.get(BOOKS).expect(200);
  });
});

describe('who has an account', () => {
  const body = (response: { body: Record<string, unknown> }) => ({ ...response.body, requestId: undefined });

  it('is not told by signing in', async () => {
    const attempt = (email: string) =>
      api.anonymous.post(`${AUTH}/sign-in`).send({ email, password: 'not the password' });
    const [known, unknown] = [await attempt(ada.email), await attempt(anEmail())];
    expect([known.status, body(known)]).toEqual([unknown.status, body(unknown)]);
  });

  it('is not told by the work it takes: a password is checked either way', async () => {
    const matches = jest.spyOn(api.app.get(Passwords, { strict: false }), 'matches');
    const hash = jest.spyOn(api.app.get(Passwords, { strict: false }), 'hash');
    for (const email of [ada.email, anEmail()]) {
      await api.anonymous.post(`${AUTH}/sign-in`).send({ email, password: 'not the password' });
      await api.anonymous.post(`${AUTH}/sign-up`).send({ email, password: PASSWORD, tenantName: 'T' }).expect(202);
    }
    expect(matches).toHaveBeenCalledTimes(2);
    expect(hash).toHaveBeenCalledTimes(2);
    expect(matches.mock.calls.map(([, stored]) => typeof stored)).toEqual(['string', 'undefined']);
    jest.restoreAllMocks();
  });

  it('is not told by what a taken address is answered', async () => {
    const signUp = { email: ada.email, password: PASSWORD, tenantName: 'T' };
    expect((await api.anonymous.post(`${AUTH}/sign-up`).send(signUp).expect(202)).text).toBe('');
    expect(mailTo(api, ada.email)!.subject).toBe('You have signed up already');
  });
});

describe('a body of strangers', () => {
  it('is not read when it is longer than any form', async () => {
    const body = { email: ada.email, password: 'x'.repeat(20_000) };
    expectProblem(await api.anonymous.post(`${AUTH}/sign-in`).send(body), 413, 'body_too_large');
  });

  it.each([
    ['POST', `${BOOKS}/bulk`, { 'Content-Length': 20_000 }, 401],
    ['POST', `${BOOKS}/bulk`, { 'Transfer-Encoding': 'chunked' }, 401],
    ['DELETE', BOOKS, { 'Content-Length': 20_000 }, 401],
    ['POST', '/health/live', { 'Content-Length': 20_000 }, 405],
    ['POST', '/api/v1/auth/nowhere', { 'Transfer-Encoding': 'chunked' }, 404],
  ])('is not waited for before they say who they are: %s %s %j', async (method, path, headers, expected) => {
    const statusOf = async (more: object): Promise<number | undefined> => {
      const sent = request(new URL(path, api.url), { method, headers: { ...JSON_BODY, ...headers, ...more } });
      sent.flushHeaders(); // and not a byte of the body
      const [{ statusCode }] = (await once(sent, 'response')) as [IncomingMessage];
      sent.destroy();
      return statusCode;
    };
    expect(await statusOf({})).toBe(expected);
    expect(await statusOf({ Authorization: 'Bearer x.y.z' })).toBe(expected);
  });
});

describe('X-Request-Id', () => {
  it.each(['a\tb', 'x'.repeat(101), '{"level":"fatal"}', 'ä', 'a b'])('is not taken over when it is %j', async (id) => {
    const { headers } = await ada.http.get(BOOKS).set('X-Request-Id', Buffer.from(id).toString('latin1'));
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});
