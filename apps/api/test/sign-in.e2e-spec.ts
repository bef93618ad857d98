import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { DEMO_LOGIN, Passwords } from '@app/auth';
import { withAdmin } from '@app/database';
import { startApi, TestApi } from '@app/testing';
import { aPerson, becomes, PASSWORD, Person, tokenTo } from './people';
import { expectProblem } from './problems';

const AUTH = '/api/v1/auth';
const BOOKS = '/api/v1/books';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

type SignIn = { email: string; password: string; tenantId: string };
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const signIn = ({ email, password, tenantId }: Partial<SignIn> = DEMO_LOGIN) =>
  api.anonymous.post(`${AUTH}/sign-in`).send({ email, password, tenantId });
const refresh = (refreshToken: string) => api.anonymous.post(`${AUTH}/refresh`).send({ refreshToken });
const sql = (text: string) =>
  withAdmin(api.adminUrl, (client) => client.query(text.replaceAll('P_', `${api.prefix}platform.`)));

describe('POST /auth/sign-in', () => {
  it('gives tokens that open the tenant', async () => {
    const { body } = await signIn().expect(200);
    expect(body).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.stringMatching(/^[\w-]{43}$/),
      expiresIn: 600,
      tokenType: 'Bearer',
    });
    await api.anonymous.get(BOOKS).set(bearer(body.accessToken)).expect(200);
  });

  it('knows an e-mail address however its letters are written', () =>
    signIn({ ...DEMO_LOGIN, email: 'Demo@Example.COM' }).expect(200));

  it.each([
    ['an address that nobody has', { email: 'nobody@example.com' }],
    ['a wrong password', { password: 'not-the-password' }],
  ])('answers the same 401 for %s', async (_what, wrong) => {
    const response = await signIn({ ...DEMO_LOGIN, ...wrong });
    expectProblem(response, 401, 'wrong_credentials');
    expect(response.body.detail).toBe('The e-mail address or the password is wrong.');
    expect(response.headers['www-authenticate']).toBe('Bearer');
  });

  it('refuses a tenant that one is no member of', async () => {
    const other = await aPerson(api);
    expectProblem(await signIn({ ...DEMO_LOGIN, tenantId: other.tenantId }), 403, 'not_a_member');
  });

  it('begins a session of its own, whoever is signed in already', async () => {
    const [one, other] = [(await signIn()).body, (await signIn().set(bearer((await signIn()).body.accessToken))).body];
    expect(decodeJwt(other.accessToken).sid).not.toBe(decodeJwt(one.accessToken).sid);
  });
});

describe('POST /auth/token', () => {
  const form = (values: object) => api.anonymous.post(`${AUTH}/token`).type('form').send(values);

  it('signs in by the password form of OAuth 2', async () => {
    const { body } = await form({
      grant_type: 'password',
      username: DEMO_LOGIN.email,
      password: DEMO_LOGIN.password,
    }).expect(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 600, refresh_token: expect.any(String) });
    await api.anonymous.get(BOOKS).set(bearer(body.access_token)).expect(200);
  });

  it('refuses another grant', async () => {
    expectProblem(
      await form({ grant_type: 'client_credentials', username: 'a@example.com', password: 'x' }),
      422,
      'is_in',
    );
  });

  it('is the only route that takes a form', async () => {
    expectProblem(
      await api.anonymous.post(`${AUTH}/sign-in`).type('form').send(DEMO_LOGIN),
      415,
      'unsupported_media_type',
    );
  });
});

describe('an access token', () => {
  it('says whose it is, for whom, of which session and tenant, and is signed by a published key', async () => {
    const { accessToken } = (await signIn()).body;
    const { body: keys } = await api.anonymous.get('/.well-known/jwks.json').expect(200);
    const { payload } = await jwtVerify(accessToken, createLocalJWKSet(keys));
    const { body: me } = await api.http.get(`${AUTH}/me`).expect(200);
    expect(payload).toEqual({
      iss: expect.stringMatching(/^http:/),
      aud: payload.iss,
      sub: me.id,
      sid: expect.any(String),
      tid: me.tenantId,
      roles: ['owner'],
      iat: expect.any(Number),
      exp: payload.iat! + 600,
    });
    expect(decodeProtectedHeader(accessToken)).toEqual({ alg: 'EdDSA', kid: keys.keys[0].kid, typ: 'at+jwt' });
    expect(keys.keys[0]).not.toHaveProperty('d'); // the private half
  });

  it.each([
    ['nothing', {}],
    ['another scheme', { Authorization: 'Basic ZGVtbzpkZW1v' }],
    ['what is no token', { Authorization: 'Bearer x.y.z' }],
  ])('is asked for where there is %s', async (_what, headers) => {
    const response = await api.anonymous.get(BOOKS).set(headers);
    expect(response.status).toBe(401);
    expect(response.headers['www-authenticate']).toBe('Bearer');
  });
});

describe('POST /auth/refresh', () => {
  it('gives the next tokens of the same session', async () => {
    const first = (await signIn()).body;
    const { body: next } = await refresh(first.refreshToken).expect(200);
    expect(next.refreshToken).not.toBe(first.refreshToken);
    expect(decodeJwt(next.accessToken).sid).toBe(decodeJwt(first.accessToken).sid);
    await api.anonymous.get(BOOKS).set(bearer(next.accessToken)).expect(200);
    await refresh(next.refreshToken).expect(200);
  });

  it('lets ten at the same time stay signed in, with one successor for all', async () => {
    const { refreshToken } = (await signIn()).body;
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const [successor, ...others] = new Set(answers.map(({ body }) => body.refreshToken as string));
    expect(others).toEqual([]);
    await refresh(successor).expect(200);
  });

  it('ends the session when a token is used again later, for two have it', async () => {
    const first = (await signIn()).body;
    const { body: next } = await refresh(first.refreshToken).expect(200);
    const { sid } = decodeJwt(next.accessToken);
    await sql(`UPDATE P_refresh_token SET used_at = used_at - interval '11 s' WHERE session_id = '${String(sid)}'`);
    expectProblem(await refresh(first.refreshToken), 401, 'session_over');
    expectProblem(await refresh(next.refreshToken), 401, 'session_over');
    await becomes(401, () => api.anonymous.get(BOOKS).set(bearer(next.accessToken)));
  });

  it('knows no token that nobody was given', async () => {
    expectProblem(await refresh('x'.repeat(43)), 401, 'session_over');
  });

  it('ends with the session', async () => {
    const { accessToken, refreshToken } = (await signIn()).body;
    await sql(
      `UPDATE P_session SET expires_at = now() - interval '1 s' WHERE id = '${String(decodeJwt(accessToken).sid)}'`,
    );
    expectProblem(await refresh(refreshToken), 401, 'session_over');
  });
});

describe('sessions', () => {
  it('are ended by signing out', async () => {
    const { accessToken, refreshToken } = (await signIn()).body;
    await api.anonymous.post(`${AUTH}/sign-out`).set(bearer(accessToken)).expect(204);
    expectProblem(await refresh(refreshToken), 401, 'session_over');
    await becomes(401, () => api.anonymous.get(BOOKS).set(bearer(accessToken)));
  });

  it('are listed with their devices, and ended from another', async () => {
    const person = await aPerson(api);
    const { body } = await signIn({ email: person.email, password: PASSWORD }).set('User-Agent', 'Lost Phone');
    const { items } = (await person.http.get(`${AUTH}/sessions`).expect(200)).body;
    expect(items).toHaveLength(2);
    const lost = items.find(({ userAgent }: { userAgent: string }) => userAgent === 'Lost Phone');
    expect(lost).toEqual({
      id: decodeJwt(body.accessToken).sid,
      tenantId: person.tenantId,
      createdAt: expect.any(String),
      lastUsedAt: expect.any(String),
      userAgent: 'Lost Phone',
      ip: '127.0.0.1',
      isCurrent: false,
    });
    await person.http.delete(`${AUTH}/sessions/${lost.id}`).expect(204);
    await becomes(401, () => api.anonymous.get(BOOKS).set(bearer(body.accessToken)));
    await person.http.get(BOOKS).expect(200);
  });

  it('are ended by a switch, and a second one with the same token opens nothing', async () => {
    const person = await aPerson(api);
    const change = () => person.http.post(`${AUTH}/switch`).send({ tenantId: person.tenantId });
    const { body } = await change().expect(200);
    expectProblem(await change(), 401, 'session_over');
    const { items } = (await api.anonymous.get(`${AUTH}/sessions`).set(bearer(body.accessToken)).expect(200)).body;
    expect(items).toMatchObject([{ isCurrent: true }]);
  });

  it('of somebody else cannot be ended', async () => {
    const [one, other] = [await aPerson(api), await aPerson(api)];
    const { items } = (await one.http.get(`${AUTH}/sessions`)).body;
    expectProblem(await other.http.delete(`${AUTH}/sessions/${items[0].id}`), 404, 'not_found');
  });
});

describe('passwords', () => {
  let person: Person;
  beforeEach(async () => (person = await aPerson(api)));
  const NEXT = 'another horse battery';

  it('are changed by whoever knows the present one, and the other sessions end', async () => {
    const other = (await signIn(person)).body;
    const change = { currentPassword: PASSWORD, newPassword: NEXT };
    await person.http.post(`${AUTH}/password/change`).send(change).expect(204);
    await person.http.get(BOOKS).expect(200);
    expectProblem(await refresh(other.refreshToken), 401, 'session_over');
    expectProblem(await signIn(person), 401, 'wrong_credentials');
    await signIn({ email: person.email, password: NEXT }).expect(200);
  });

  it('are guessed by whoever holds a session no more often than by strangers', async () => {
    const guess = () => {
      const change = { currentPassword: 'something else', newPassword: NEXT };
      return person.http.post(`${AUTH}/password/change`).send(change);
    };
    const answers = await Promise.all(Array.from({ length: 15 }, guess));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(10).fill(403), ...Array(5).fill(429)]);
    expectProblem(await person.http.delete(`${AUTH}/me`).send({ password: PASSWORD }), 429, 'too_many_requests');
  });

  it('that were changed meanwhile open nothing to a sign-in under way', async () => {
    const passwords = api.app.get(Passwords, { strict: false });
    const matches = passwords.matches.bind(passwords);
    const spy = jest.spyOn(passwords, 'matches').mockImplementationOnce(async (given, stored) => {
      const isRight = await matches(given, stored);
      const change = { currentPassword: PASSWORD, newPassword: NEXT };
      await person.http.post(`${AUTH}/password/change`).send(change).expect(204);
      return isRight;
    });
    expectProblem(await signIn(person), 401, 'session_over');
    spy.mockRestore();
  });

  it('that were reset meanwhile are not changed by whoever knew the old one', async () => {
    await api.anonymous.post(`${AUTH}/password/forgot`).send({ email: person.email }).expect(202);
    const reset = { token: tokenTo(api, person.email), password: NEXT };
    const passwords = api.app.get(Passwords, { strict: false });
    const matches = passwords.matches.bind(passwords);
    const spy = jest.spyOn(passwords, 'matches').mockImplementationOnce(async (given, stored) => {
      const isRight = await matches(given, stored);
      await api.anonymous.post(`${AUTH}/password/reset`).send(reset).expect(204);
      return isRight;
    });
    const change = { currentPassword: PASSWORD, newPassword: 'a third horse battery' };
    expectProblem(await person.http.post(`${AUTH}/password/change`).send(change), 401, 'session_over');
    spy.mockRestore();
    await signIn({ email: person.email, password: NEXT }).expect(200);
  });

  it('end the links that were mailed to reset them', async () => {
    await api.anonymous.post(`${AUTH}/password/forgot`).send({ email: person.email }).expect(202);
    const reset = { token: tokenTo(api, person.email), password: NEXT };
    const change = { currentPassword: PASSWORD, newPassword: NEXT };
    await person.http.post(`${AUTH}/password/change`).send(change).expect(204);
    expectProblem(await api.anonymous.post(`${AUTH}/password/reset`).send(reset), 400, 'invalid_token');
  });

  it('are not reset by a link that is too old', async () => {
    await api.anonymous.post(`${AUTH}/password/forgot`).send({ email: person.email }).expect(202);
    const reset = { token: tokenTo(api, person.email), password: NEXT };
    await sql(`UPDATE P_password_reset SET expires_at = now() - interval '1 s' WHERE email = '${person.email}'`);
    expectProblem(await api.anonymous.post(`${AUTH}/password/reset`).send(reset), 400, 'invalid_token');
  });

  it('are not changed by whoever does not', async () => {
    const change = { currentPassword: 'something else', newPassword: NEXT };
    expectProblem(await person.http.post(`${AUTH}/password/change`).send(change), 403, 'wrong_password');
    await signIn(person).expect(200);
  });
});

describe('GET /auth/me', () => {
  it('says who is signed in, where, and what they may do', async () => {
    const { body } = await api.http.get(`${AUTH}/me`).expect(200);
    expect(body).toEqual({
      id: expect.any(String),
      email: DEMO_LOGIN.email,
      tenantId: expect.any(String),
      permissions: expect.arrayContaining(['*:read', '*:write', '*:delete', 'members:manage']),
      tenants: [{ id: body.tenantId, title: 'demo', role: 'owner' }],
    });
  });
});
