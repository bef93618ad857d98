import { Client } from 'pg';
import type { Response } from 'supertest';
import { withAdmin } from '@app/database';
import { startApi, TestApi, until } from '@app/testing';
import { aMember, anEmail, aPerson, PASSWORD, Person, tokenTo } from './people';
import { expectProblem } from './problems';

const AUTH = '/api/v1/auth';
const MEMBERS = '/api/v1/members';
const TEN = Array.from({ length: 10 }, (_, n) => n);

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ DATABASE_POOL_SIZE: '15' }); // each of ten requests has a connection to wait on
});
afterAll(() => api.close());

type Ask = () => PromiseLike<Response>;
const post =
  (path: string, body: object): Ask =>
  () =>
    api.anonymous.post(`${AUTH}${path}`).send(body);
const accept = (token: string, password = PASSWORD) => post('/invitations/accept', { token, password });
const signIn = (email: string, password = PASSWORD) => post('/sign-in', { email, password })();
const statuses = (answers: Response[]) => answers.map(({ status }) => status).sort();
const withPrefix = (text: string) => text.replaceAll('P_', `${api.prefix}platform.`);
const sql = async (text: string) =>
  (await withAdmin(api.adminUrl, (client) => client.query(withPrefix(text)))).rows as Record<string, unknown>[];

/** Asks one after the other while somebody holds `lock`, until all of them stand before it, and then lets them go on. */
async function atOnce(lock: string, asks: Ask[]): Promise<Response[]> {
  const holder = new Client({ connectionString: api.adminUrl });
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(withPrefix(lock));
    const answers: Promise<Response>[] = [];
    for (const ask of asks) {
      answers.push(Promise.resolve(ask()));
      await until(async () => (await queueBehind(holder)) >= answers.length);
    }
    await holder.query('COMMIT');
    return await Promise.all(answers);
  } finally {
    await holder.end();
  }
}

/** How many connections wait for `holder`, or for one that does. */
async function queueBehind(holder: Client): Promise<number> {
  const { rows } = await holder.query<{ n: number }>(
    `WITH RECURSIVE queue AS (
       SELECT pg_backend_pid() AS pid
       UNION SELECT l.pid FROM queue, pg_locks AS l WHERE NOT l.granted AND queue.pid = ANY (pg_blocking_pids(l.pid))
     ) SELECT count(*)::int - 1 AS n FROM queue`,
  );
  return rows[0].n;
}

describe('a link to reset a password, used ten times at once', () => {
  it('works once, and the password that came with it is the one', async () => {
    const { email } = await aPerson(api);
    await post('/password/forgot', { email })();
    const token = tokenTo(api, email);
    const passwords = TEN.map((n) => `the horse of battery ${n}`);
    const asks = passwords.map((password) => post('/password/reset', { token, password }));
    const answers = await atOnce(`SELECT FROM P_password_reset WHERE email = '${email}' FOR UPDATE`, asks);
    expect(statuses(answers)).toEqual([204, ...Array(9).fill(400)]);
    for (const answer of answers) if (answer.status === 400) expectProblem(answer, 400, 'invalid_token');
    for (const [n, password] of passwords.entries())
      expect((await signIn(email, password)).status).toBe(answers[n].status === 204 ? 200 : 401);
  });
});

describe('the two owners of a tenant', () => {
  it.each<[act: string, what: (by: Person, id: string) => PromiseLike<Response>]>([
    ['demote', (by, id) => by.http.patch(`${MEMBERS}/${id}`).send({ role: 'viewer' })],
    ['remove', (by, id) => by.http.delete(`${MEMBERS}/${id}`)],
  ])('who %s each other at once leave one of them', async (_act, what) => {
    const one = await aPerson(api, 'Rivals');
    const other = await aMember(api, one, 'owner');
    const { items } = (await one.http.get(MEMBERS).expect(200)).body;
    const idOf = (person: Person) => items.find(({ email }: Person) => email === person.email).id as string;
    const answers = await atOnce(`SELECT FROM P_membership WHERE tenant_id = '${one.tenantId}' FOR UPDATE`, [
      () => what(one, idOf(other)),
      () => what(other, idOf(one)),
    ]);
    expect(statuses(answers)).toEqual([204, 409]);
    expectProblem(
      answers.find(({ status }) => status === 409)!,
      409,
      'last_owner',
    );
    const winner = answers[0].status === 204 ? one : other;
    const owners = await sql(`SELECT id FROM P_membership WHERE tenant_id = '${one.tenantId}' AND role = 'owner'`);
    expect(owners).toEqual([{ id: idOf(winner) }]);
  });
});

describe('an invitation', () => {
  const NO_LOGIN_IS_MADE = 'LOCK TABLE P_login IN SHARE MODE'; // all find none, and are about to make one
  const NO_TENANT_IS_MADE = 'LOCK TABLE P_tenant IN SHARE MODE'; // a sign-up has made its login, which nobody sees yet
  let [ada, bob]: Person[] = [];
  beforeAll(async () => ([ada, bob] = [await aPerson(api, 'Ada Inc'), await aPerson(api, 'Bob Inc')]));

  const invited = async (by: Person, email: string) => {
    await by.http.post(MEMBERS).send({ email, role: 'editor' }).expect(202);
    return tokenTo(api, email);
  };
  const tenantsOf = async (email: string, password = PASSWORD): Promise<string[]> => {
    const authorization = `Bearer ${(await signIn(email, password)).body.accessToken}`;
    const { body } = await api.anonymous.get(`${AUTH}/me`).set('Authorization', authorization).expect(200);
    return body.tenants.map(({ id }: { id: string }) => id).sort();
  };

  it('that is accepted ten times at once makes one member', async () => {
    const email = anEmail();
    const token = await invited(ada, email);
    const answers = await atOnce(
      `SELECT FROM P_invitation WHERE email = '${email}' FOR UPDATE`,
      TEN.map(() => accept(token)),
    );
    expect(statuses(answers)).toEqual([204, ...Array(9).fill(400)]);
    expect(await tenantsOf(email)).toEqual([ada.tenantId]);
  });

  it('of each of two tenants, accepted at once at a new address, makes one login that is in both', async () => {
    const email = anEmail();
    const asks = [accept(await invited(ada, email)), accept(await invited(bob, email))];
    expect(statuses(await atOnce(NO_LOGIN_IS_MADE, asks))).toEqual([204, 204]);
    expect(await tenantsOf(email)).toEqual([ada.tenantId, bob.tenantId].sort());
  });

  it('of each of two tenants, accepted at once with different passwords, lets one of them in', async () => {
    const email = anEmail();
    const passwords = [PASSWORD, 'another horse battery'];
    const asks = [accept(await invited(ada, email), passwords[0]), accept(await invited(bob, email), passwords[1])];
    const answers = await atOnce(NO_LOGIN_IS_MADE, asks);
    expect(statuses(answers)).toEqual([204, 401]);
    const [right, wrong] = answers[0].status === 204 ? passwords : passwords.toReversed();
    expect(await tenantsOf(email, right)).toHaveLength(1);
    expectProblem(await signIn(email, wrong), 401, 'wrong_credentials');
  });

  it('accepted while the sign-up of the same address is confirmed leaves one login, in both tenants', async () => {
    const email = anEmail();
    await post('/sign-up', { email, password: PASSWORD, tenantName: 'Own' })();
    const asks = [post('/verify', { token: tokenTo(api, email) }), accept(await invited(ada, email))];
    const [verified, accepted] = await atOnce(NO_TENANT_IS_MADE, asks);
    expect([verified.status, accepted.status]).toEqual([200, 204]);
    expect(await tenantsOf(email)).toEqual([verified.body.tenantId as string, ada.tenantId].sort());
  });
});
