import { randomUUID } from 'node:crypto';
import supertest from 'supertest';
import { withAdmin } from '@app/database';
import { Passwords } from '@app/auth';
import { closeApi, openApi, startApi, TestApi, testSettings, until } from '@app/testing';
import { aMember, anEmail, aPerson, becomes, mailTo, PASSWORD, Person, tokenTo } from './people';
import { expectProblem } from './problems';

const AUTH = '/api/v1/auth';
const BOOKS = '/api/v1/books';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const signUp = (values: object = {}) =>
  api.anonymous.post(`${AUTH}/sign-up`).send({ email: anEmail(), password: PASSWORD, tenantName: 'Acme', ...values });
const verify = (token: string) => api.anonymous.post(`${AUTH}/verify`).send({ token });
const signIn = (email: string, password = PASSWORD) => api.anonymous.post(`${AUTH}/sign-in`).send({ email, password });
const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status).sort();
const sql = async (text: string) =>
  (await withAdmin(api.adminUrl, (client) => client.query(text.replaceAll('P_', `${api.prefix}platform.`)))).rows;

describe('POST /auth/sign-up', () => {
  it('makes nothing until the address is proven', async () => {
    const email = anEmail();
    const { body, text } = await signUp({ email }).expect(202);
    expect({ body, text }).toEqual({ body: {}, text: '' });
    expectProblem(await signIn(email), 401, 'wrong_credentials');
    expect(mailTo(api, email)).toMatchObject({ subject: 'Confirm your e-mail address' });
    expect(await sql(`SELECT FROM P_login WHERE email = '${email}'`)).toEqual([]);
  });

  it('answers the same for an address that has a login, and tells only its mailbox', async () => {
    const { email } = await aPerson(api);
    const taken = await signUp({ email }).expect(202);
    const free = await signUp().expect(202);
    expect([taken.text, Object.keys(taken.headers)]).toEqual([free.text, Object.keys(free.headers)]);
    expect(mailTo(api, email)).toMatchObject({ subject: 'You have signed up already' });
    expect(mailTo(api, email)!.text).not.toContain('#');
  });

  it.each([
    ['no address', { email: 'nobody' }, '/email'],
    ['a short password', { password: 'short' }, '/password'],
    ['no name of the tenant', { tenantName: '' }, '/tenantName'],
  ])('refuses %s', async (_what, values, pointer) => {
    const response = await signUp(values);
    expect(response.status).toBe(422);
    expect(response.body.errors).toMatchObject([{ pointer }]);
  });

  it.each(['invite', 'closed'])('is closed with SIGN_UP=%s', async (mode) => {
    const closed = await startApi({ SIGN_UP: mode });
    try {
      const response = await closed.anonymous
        .post(`${AUTH}/sign-up`)
        .send({ email: anEmail(), password: PASSWORD, tenantName: 'Acme' });
      expectProblem(response, 403, 'sign_up_closed');
    } finally {
      await closed.close();
    }
  });

  it('is closed with its links, too: one that was mailed before makes nothing', async () => {
    const email = anEmail();
    await signUp({ email });
    const { app, url } = await openApi(testSettings({ SCHEMA_PREFIX: api.prefix, SIGN_UP: 'closed' }));
    try {
      const response = await supertest(url)
        .post(`${AUTH}/verify`)
        .send({ token: tokenTo(api, email) });
      expectProblem(response, 403, 'sign_up_closed');
    } finally {
      await closeApi(app);
    }
    expect(await sql(`SELECT FROM P_login WHERE email = '${email}'`)).toEqual([]);
  });
});

describe('POST /auth/verify', () => {
  it('makes a login that owns a tenant of its own', async () => {
    const person = await aPerson(api, 'Böökish & Søns Ltd.');
    await person.http.post(BOOKS).send({ identifier: 'mine', name: 'N', author: 'A' }).expect(201);
    const { body } = await person.http.get(`${AUTH}/me`).expect(200);
    expect(body.tenants).toEqual([{ id: person.tenantId, title: 'Böökish & Søns Ltd.', role: 'owner' }]);
    expect((await api.http.get(BOOKS).expect(200)).body.items).toEqual([]);
  });

  it('gives tenants of one title names of their own', async () => {
    const people = [await aPerson(api, 'Twins'), await aPerson(api, 'Twins'), await aPerson(api, 'Жук')];
    const rows = await sql(
      `SELECT name FROM P_tenant WHERE id IN (${people.map(({ tenantId }) => `'${tenantId}'`).join()}) ORDER BY id`,
    );
    expect(rows.map(({ name }) => name as string)).toEqual([
      'twins',
      expect.stringMatching(/^twins_[0-9a-f]{6}$/),
      expect.stringMatching(/^t(_[0-9a-f]{6})?$/),
    ]);
  });

  it('is the same tenant when the link is followed again', async () => {
    const email = anEmail();
    await signUp({ email });
    const token = tokenTo(api, email);
    const answers = await Promise.all([verify(token), verify(token), verify(token)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ body }) => body.tenantId as string)).size).toBe(1);
  });

  it.each(['before the tenant is provisioned', 'before anything is made'])(
    'completes what a process left that was killed %s',
    async (moment) => {
      const email = anEmail();
      await signUp({ email });
      const token = tokenTo(api, email);
      if (moment === 'before the tenant is provisioned') {
        // What the first transaction of verify() leaves: login, membership, and a tenant still to be provisioned.
        const { body } = await verify(token).expect(200);
        const [{ schema_name: schema, role_name: role }] = await sql(
          `SELECT * FROM P_tenant WHERE id = '${body.tenantId}'`,
        );
        await sql(`DROP SCHEMA ${schema} CASCADE`);
        await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
        await sql(`UPDATE P_tenant SET status = 'provisioning', migrated_to = 0 WHERE id = '${body.tenantId}'`);
      }
      await verify(token).expect(200);
      const { body } = await signIn(email).expect(200);
      await api.anonymous.get(BOOKS).set('Authorization', `Bearer ${body.accessToken}`).expect(200);
    },
  );

  it('makes nothing anew of a tenant that was deleted since', async () => {
    const email = anEmail();
    await signUp({ email });
    const token = tokenTo(api, email);
    const { body } = await verify(token).expect(200);
    await sql(`DELETE FROM P_tenant WHERE id = '${body.tenantId}'`);
    expectProblem(await verify(token), 400, 'invalid_token');
  });

  it('knows no token that nobody was sent, nor one that is too old', async () => {
    expectProblem(await verify('x'.repeat(43)), 400, 'invalid_token');
    const email = anEmail();
    await signUp({ email });
    await sql(`UPDATE P_sign_up SET expires_at = now() - interval '1 s' WHERE email = '${email}'`);
    expectProblem(await verify(tokenTo(api, email)), 400, 'invalid_token');
  });
});

describe('POST /auth/password/forgot and /reset', () => {
  const forgot = (email: string) => api.anonymous.post(`${AUTH}/password/forgot`).send({ email });
  const reset = (token: string, password: string) =>
    api.anonymous.post(`${AUTH}/password/reset`).send({ token, password });
  const NEXT = 'another horse battery';

  it('set another password by a link that works once, and end every session', async () => {
    const person = await aPerson(api);
    await forgot(person.email).expect(202);
    const token = tokenTo(api, person.email);
    await reset(token, NEXT).expect(204);
    expectProblem(await reset(token, NEXT), 400, 'invalid_token');
    expectProblem(await signIn(person.email), 401, 'wrong_credentials');
    await signIn(person.email, NEXT).expect(200);
    await becomes(401, () => person.http.get(BOOKS));
  });

  it('answer the same for an address that nobody has, and mail nothing', async () => {
    const [known, unknown] = [(await aPerson(api)).email, anEmail()];
    const [one, other] = [await forgot(known).expect(202), await forgot(unknown).expect(202)];
    expect([one.text, Object.keys(one.headers)]).toEqual([other.text, Object.keys(other.headers)]);
    expect(mailTo(api, unknown)).toBeUndefined();
  });
});

describe('members', () => {
  let owner: Person;
  beforeAll(async () => (owner = await aPerson(api, 'Members Inc')));
  const memberOf = async (person: Person): Promise<string> => {
    const { body } = await owner.http.get('/api/v1/members').expect(200);
    return body.items.find(({ email }: Person) => email === person.email).id as string;
  };
  const book = () => ({ identifier: anEmail(), name: 'N', author: 'A' });
  const ownersOf = async (tenantId: string): Promise<number> =>
    (await sql(`SELECT FROM P_membership WHERE tenant_id = '${tenantId}' AND role = 'owner'`)).length;
  const untilSomebodyWaits = async (): Promise<void> => {
    const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"${api.prefix}platform"."login"%'`;
    await until(async () => (await sql(waiting)).length);
  };

  it('are who the owner has invited, each as what they were invited', async () => {
    const editor = await aMember(api, owner, 'editor');
    const { body } = await owner.http.get('/api/v1/members').expect(200);
    expect(body.items.map(({ email, role }: { email: string; role: string }) => [email, role])).toEqual([
      [owner.email, 'owner'],
      [editor.email, 'editor'],
    ]);
  });

  it.each([
    ['owner', { read: 200, write: 201, manage: 200 }],
    ['editor', { read: 200, write: 201, manage: 403 }],
    ['viewer', { read: 200, write: 403, manage: 403 }],
  ] as const)('may do what an %s may', async (role, { read, write, manage }) => {
    const { http } = await aMember(api, owner, role);
    await http.get(BOOKS).expect(read);
    await http.post(BOOKS).send(book()).expect(write);
    await http.get('/api/v1/members').expect(manage);
    await http.get(`${AUTH}/api-keys`).expect(manage);
  });

  it('are something else within five seconds, and nothing when removed', async () => {
    const member = await aMember(api, owner, 'editor');
    await member.http.post(BOOKS).send(book()).expect(201);
    await owner.http
      .patch(`/api/v1/members/${await memberOf(member)}`)
      .send({ role: 'viewer' })
      .expect(204);
    await becomes(403, () => member.http.post(BOOKS).send(book()));
    await owner.http.delete(`/api/v1/members/${await memberOf(member)}`).expect(204);
    await becomes(401, () => member.http.get(BOOKS));
  });

  it('join another tenant with the password they have, and choose between the two', async () => {
    const other = await aPerson(api, 'Second Home');
    await owner.http.post('/api/v1/members').send({ email: other.email, role: 'viewer' }).expect(202);
    const accept = (password: string) =>
      api.anonymous.post(`${AUTH}/invitations/accept`).send({ token: tokenTo(api, other.email), password });
    expectProblem(await accept('not their password'), 401, 'wrong_credentials');
    await accept(PASSWORD).expect(204);
    expectProblem(await accept(PASSWORD), 400, 'invalid_token');

    const { body } = await other.http.post(`${AUTH}/switch`).send({ tenantId: owner.tenantId }).expect(200);
    const there = { Authorization: `Bearer ${body.accessToken}` };
    const { body: me } = await api.anonymous.get(`${AUTH}/me`).set(there).expect(200);
    expect(me).toMatchObject({ tenantId: owner.tenantId, permissions: ['*:read'] });
    expect(me.tenants).toHaveLength(2);
    await becomes(401, () => other.http.get(BOOKS)); // the session that was switched from
    const { body: again } = await signIn(other.email).expect(200);
    const { body: meAgain } = await api.anonymous.get(`${AUTH}/me`).set('Authorization', `Bearer ${again.accessToken}`);
    expect(meAgain.tenantId).toBe(owner.tenantId); // the one they worked in last
  });

  it('are not guessed by invitations: a wrong password counts, and holds nothing up while it is checked', async () => {
    const other = await aPerson(api, 'Third Home');
    await owner.http.post('/api/v1/members').send({ email: other.email, role: 'viewer' }).expect(202);
    const guess = { token: tokenTo(api, other.email), password: 'not their password' };
    const passwords = api.app.get(Passwords, { strict: false });
    const matches = passwords.matches.bind(passwords);
    const spy = jest.spyOn(passwords, 'matches').mockImplementation(async (given, stored) => {
      await sql(`SELECT FROM P_invitation WHERE email = '${other.email}' FOR SHARE NOWAIT`);
      return matches(given, stored);
    });
    const accept = () => api.anonymous.post(`${AUTH}/invitations/accept`).send(guess);
    const answers = await Promise.all([accept(), accept(), accept()]);
    expect(spy).toHaveBeenCalledTimes(3);
    spy.mockRestore();
    for (let n = 0; n < 12; n++) answers.push(await accept());
    expect(statuses(answers)).toEqual([...Array(10).fill(401), ...Array(5).fill(429)]);
  });

  it('do not join by an invitation that is too old', async () => {
    const email = anEmail();
    await owner.http.post('/api/v1/members').send({ email, role: 'viewer' }).expect(202);
    await sql(`UPDATE P_invitation SET expires_at = now() - interval '1 s' WHERE email = '${email}'`);
    const accept = { token: tokenTo(api, email), password: PASSWORD };
    expectProblem(await api.anonymous.post(`${AUTH}/invitations/accept`).send(accept), 400, 'invalid_token');
  });

  it('cannot be invited twice over', async () => {
    const member = await aMember(api, owner, 'viewer');
    expectProblem(
      await owner.http.post('/api/v1/members').send({ email: member.email, role: 'owner' }),
      409,
      'already_a_member',
    );
  });

  it('are never without an owner', async () => {
    const alone = await aPerson(api, 'Lonely');
    const [{ id }] = (await alone.http.get('/api/v1/members')).body.items;
    expectProblem(await alone.http.delete(`/api/v1/members/${id}`), 409, 'last_owner');
    expectProblem(await alone.http.patch(`/api/v1/members/${id}`).send({ role: 'viewer' }), 409, 'last_owner');
    expectProblem(await alone.http.delete(`${AUTH}/me`).send({ password: PASSWORD }), 409, 'last_owner');
    await alone.http.patch(`/api/v1/members/${id}`).send({ role: 'owner' }).expect(204);
  });

  it('are never without an owner when two leave at the same time', async () => {
    const first = await aPerson(api, 'Pair');
    const second = await aMember(api, first, 'owner');
    const leave = ({ http }: Person) => http.delete(`${AUTH}/me`).send({ password: PASSWORD });
    const answers = await Promise.all([leave(first), leave(second)]);
    expect(statuses(answers)).toEqual([204, 409]);
  });

  it('are never without an owner when one leaves while another becomes something else', async () => {
    for (let round = 0; round < 4; round++) {
      const first = await aPerson(api, 'Pair');
      const second = await aMember(api, first, 'owner');
      const { items } = (await first.http.get('/api/v1/members').expect(200)).body;
      const { id } = items.find(({ email }: Person) => email === first.email);
      const answers = await Promise.all([
        second.http.delete(`${AUTH}/me`).send({ password: PASSWORD }),
        first.http.patch(`/api/v1/members/${id}`).send({ role: 'viewer' }),
      ]);
      expect(statuses(answers)).toEqual([204, 409]);
      expect(await ownersOf(first.tenantId)).toBe(1);
    }
  });

  it('are never without an owner when one is made the only owner while leaving', async () => {
    const first = await aPerson(api, 'Heir');
    const heir = await aMember(api, first, 'editor');
    const { items } = (await first.http.get('/api/v1/members').expect(200)).body;
    const [firstId, heirId] = [first, heir].map(({ email }) => items.find((item: Person) => item.email === email).id);
    const role = (id: string, role: string) => first.http.patch(`/api/v1/members/${id}`).send({ role });
    const left = await withAdmin(api.adminUrl, async (client) => {
      await client.query('BEGIN');
      await client.query(`SELECT FROM ${api.prefix}platform.login WHERE email = $1 FOR UPDATE`, [heir.email]);
      const leaving = Promise.resolve(heir.http.delete(`${AUTH}/me`).send({ password: PASSWORD }));
      await untilSomebodyWaits();
      await role(heirId, 'owner').expect(204);
      await role(firstId, 'viewer').expect(204);
      await client.query('COMMIT');
      return leaving;
    });
    expectProblem(left, 409, 'last_owner');
    expect(await ownersOf(first.tenantId)).toBe(1);
  });

  it('leave once when they ask twice at the same time', async () => {
    const owner = await aPerson(api, 'Twice');
    const member = await aMember(api, owner, 'owner');
    const leave = () => member.http.delete(`${AUTH}/me`).send({ password: PASSWORD });
    for (const { status } of await Promise.all([leave(), leave(), leave()])) expect([204, 401]).toContain(status);
    expect(await ownersOf(owner.tenantId)).toBe(1);
  });

  it('are listed while they are only invited, until they join or the owner takes the invitation back', async () => {
    const open = async () => (await owner.http.get('/api/v1/invitations').expect(200)).body.items;
    const of = async (email: string) => (await open()).find((item: { email: string }) => item.email === email);
    const [comes, isTakenBack, isLate] = [anEmail(), anEmail(), anEmail()];
    for (const email of [comes, isTakenBack, isLate])
      await owner.http.post('/api/v1/members').send({ email, role: 'editor' }).expect(202);
    const accept = (email: string) =>
      api.anonymous.post(`${AUTH}/invitations/accept`).send({ token: tokenTo(api, email), password: PASSWORD });
    const times = { createdAt: expect.any(String), expiresAt: expect.any(String) };
    const { id, ...shown } = await of(isTakenBack);
    expect(shown).toEqual({ email: isTakenBack, role: 'editor', ...times });

    await accept(comes).expect(204);
    expect(await of(comes)).toBeUndefined();
    await sql(`UPDATE P_invitation SET expires_at = now() - interval '1 s' WHERE email = '${isLate}'`);
    expect(await of(isLate)).toBeUndefined();
    await owner.http.delete(`/api/v1/invitations/${id}`).expect(204);
    expectProblem(await owner.http.delete(`/api/v1/invitations/${id}`), 404, 'not_found');
    expectProblem(await accept(isTakenBack), 400, 'invalid_token');
  });

  it.each(['editor', 'viewer'] as const)('see and take back no invitation as an %s', async (role) => {
    const { http } = await aMember(api, owner, role);
    expectProblem(await http.get('/api/v1/invitations'), 403, 'forbidden');
    expectProblem(await http.delete(`/api/v1/invitations/${randomUUID()}`), 403, 'forbidden');
  });

  it('see and take back no invitation to another tenant', async () => {
    const [email, other] = [anEmail(), await aPerson(api, 'Nosy')];
    await owner.http.post('/api/v1/members').send({ email, role: 'viewer' }).expect(202);
    const [{ id }] = (await owner.http.get('/api/v1/invitations').expect(200)).body.items.slice(-1);
    expect((await other.http.get('/api/v1/invitations').expect(200)).body.items).toEqual([]);
    expectProblem(await other.http.delete(`/api/v1/invitations/${id}`), 404, 'not_found');
    await owner.http.delete(`/api/v1/invitations/${id}`).expect(204);
  });

  it('are invited once when they are invited many times at the same moment', async () => {
    const email = anEmail();
    const invite = () => owner.http.post('/api/v1/members').send({ email, role: 'viewer' });
    expect(statuses(await Promise.all([invite(), invite(), invite(), invite()]))).toEqual([202, 202, 202, 202]);
    expect(await sql(`SELECT FROM P_invitation WHERE email = '${email}'`)).toHaveLength(1);
  });

  it.each([
    ['one password', [PASSWORD, PASSWORD], [204, 204]],
    ['two passwords', [PASSWORD, 'another horse battery'], [204, 401]],
  ])('join two tenants at the same moment with %s, and have one login', async (_what, passwords, expected) => {
    for (let round = 0; round < 4; round++) {
      const [email, tokens] = [anEmail(), [] as string[]];
      for (const { http } of [owner, await aPerson(api, 'Elsewhere')]) {
        await http.post('/api/v1/members').send({ email, role: 'viewer' }).expect(202);
        tokens.push(tokenTo(api, email));
      }
      const answers = await Promise.all(
        tokens.map((token, n) =>
          api.anonymous.post(`${AUTH}/invitations/accept`).send({ token, password: passwords[n] }),
        ),
      );
      expect(statuses(answers)).toEqual(expected);
      expect(await sql(`SELECT FROM P_login WHERE email = '${email}'`)).toHaveLength(1);
    }
  });
});

describe('DELETE /auth/me', () => {
  it('asks for the password, and takes the login with all its sessions and keys', async () => {
    const owner = await aPerson(api);
    const member = await aMember(api, owner, 'owner');
    const { body: key } = await member.http
      .post(`${AUTH}/api-keys`)
      .send({ name: 'K', scopes: ['*:read'] })
      .expect(201);
    const leave = (password: string) => member.http.delete(`${AUTH}/me`).send({ password });
    expectProblem(await leave('something else'), 403, 'wrong_password');
    await leave(PASSWORD).expect(204);
    expectProblem(await signIn(member.email), 401, 'wrong_credentials');
    await becomes(401, () => member.http.get(BOOKS));
    await becomes(401, () => api.anonymous.get(BOOKS).set('X-Api-Key', key.key as string));
    await owner.http.get(BOOKS).expect(200);
  });
});

describe('API keys', () => {
  let owner: Person;
  beforeAll(async () => (owner = await aPerson(api, 'Machines')));
  const make = async (values: object = {}): Promise<{ id: string; key: string }> =>
    (
      await owner.http
        .post(`${AUTH}/api-keys`)
        .send({ name: 'K', scopes: ['*:read'], ...values })
        .expect(201)
    ).body;
  const by = (key: string) => ({ 'X-Api-Key': key });

  it('open the tenant they were made in, within their scopes', async () => {
    const { id, key } = await make({ scopes: ['books:read', 'books:write'] });
    expect(key).toMatch(new RegExp(`^ak_${id}\\.[\\w-]{43}$`));
    await api.anonymous.post(BOOKS).set(by(key)).send({ identifier: 'by key', name: 'N', author: 'A' }).expect(201);
    const { body } = await api.anonymous.get(BOOKS).set(by(key)).expect(200);
    expect(body.items).toMatchObject([{ identifier: 'by key' }]);
    expectProblem(await api.anonymous.delete(`${BOOKS}/${body.items[0].id}`).set(by(key)), 403, 'forbidden');
    expectProblem(await api.anonymous.get('/api/v1/critics').set(by(key)), 403, 'forbidden');
    expectProblem(await api.anonymous.get('/api/v1/members').set(by(key)), 403, 'forbidden');
  });

  it('are listed without their secrets, which the database does not have either', async () => {
    const { id, key } = await make({ name: 'Nightly import' });
    const { body, text } = await owner.http.get(`${AUTH}/api-keys`).expect(200);
    expect(body.items.find((item: { id: string }) => item.id === id)).toEqual({
      id,
      name: 'Nightly import',
      scopes: ['*:read'],
      expiresAt: null,
      createdAt: expect.any(String),
    });
    const secret = key.split('.')[1];
    expect(text).not.toContain(secret);
    expect(JSON.stringify(await sql('SELECT * FROM P_api_key'))).not.toContain(secret);
  });

  it('do no more than the one who made them may still do', async () => {
    const maker = await aMember(api, owner, 'owner');
    const { body: key } = await maker.http.post(`${AUTH}/api-keys`).send({ name: 'K', scopes: ['*:read', '*:write'] });
    const write = () =>
      api.anonymous.post(BOOKS).set(by(key.key)).send({ identifier: anEmail(), name: 'N', author: 'A' });
    await write().expect(201);
    const { items } = (await owner.http.get('/api/v1/members')).body;
    const { id } = items.find(({ email }: Person) => email === maker.email);
    await owner.http.patch(`/api/v1/members/${id}`).send({ role: 'viewer' }).expect(204);
    await becomes(403, write);
    await owner.http.delete(`/api/v1/members/${id}`).expect(204);
    await becomes(401, write);
  });

  it('end when they are removed, and when they expire', async () => {
    const { id, key } = await make();
    await api.anonymous.get(BOOKS).set(by(key)).expect(200);
    await owner.http.delete(`${AUTH}/api-keys/${id}`).expect(204);
    await becomes(401, () => api.anonymous.get(BOOKS).set(by(key)));
    const { key: old } = await make({ expiresAt: '2020-01-01T00:00:00.000Z' });
    expectProblem(await api.anonymous.get(BOOKS).set(by(old)), 401, 'invalid_api_key');
  });

  it.each([
    ['get', '/me'],
    ['delete', '/me'],
    ['post', '/switch'],
    ['post', '/sign-out'],
    ['get', '/sessions'],
    ['post', '/password/change'],
  ] as const)('are not people: %s %s', async (method, path) => {
    const { key } = await make({ scopes: ['*:read', '*:write', '*:delete'] });
    const body = { tenantId: owner.tenantId, password: PASSWORD, currentPassword: PASSWORD, newPassword: PASSWORD };
    expectProblem(
      await api.anonymous[method](AUTH + path)
        .set(by(key))
        .send(body),
      403,
      'people_only',
    );
  });

  it.each(['ak_x.y', `ak_00000000-0000-0000-0000-000000000000.${'x'.repeat(43)}`, ''])('are not %s', async (key) => {
    expect((await api.anonymous.get(BOOKS).set(by(key))).status).toBe(401);
  });

  it('cannot be given what their maker does not have, or what no key may have', async () => {
    for (const scope of ['members:manage', 'platform:administer', '*', '*:manage', "books:read' OR '1'='1"]) {
      const response = await owner.http.post(`${AUTH}/api-keys`).send({ name: 'K', scopes: [scope] });
      expect([403, 422]).toContain(response.status);
    }
  });
});
