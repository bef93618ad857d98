import { randomBytes } from 'node:crypto';
import supertest from 'supertest';
import { Mail, Mailer, Role } from '@app/auth';
import { signIn, TestApi } from '@app/testing';

/** Somebody who can sign in, with an agent that is signed in. */
export interface Person {
  email: string;
  password: string;
  tenantId: string;
  authorization: string;
  http: ReturnType<typeof supertest.agent>;
}

export const PASSWORD = 'correct horse battery';
export const anEmail = (): string => `${randomBytes(6).toString('hex')}@example.com`;

/** The newest mail to an address. */
export const mailTo = ({ app }: TestApi, email: string): Mail | undefined =>
  app.get(Mailer, { strict: false }).captured.find(({ to }) => to === email);

/** The token in the link of the newest mail to an address. */
export const tokenTo = (api: TestApi, email: string): string => tokenIn(mailTo(api, email)?.text ?? '');

/** The token in the link that stands in a text. */
export function tokenIn(text: string): string {
  const [, token] = /\/account#\w+=([\w-]{43})&email=\S+$/m.exec(text) ?? [];
  if (!token) throw new Error(`There is no link in this: ${text}`);
  return token;
}

/** Somebody who has signed up: the owner of a tenant of their own. */
export async function aPerson(api: TestApi, tenantName = 'Acme'): Promise<Person> {
  const email = anEmail();
  await api.anonymous.post('/api/v1/auth/sign-up').send({ email, password: PASSWORD, tenantName }).expect(202);
  const { body } = await api.anonymous
    .post('/api/v1/auth/verify')
    .send({ token: tokenTo(api, email) })
    .expect(200);
  return signedIn(api, email, body.tenantId as string);
}

/** Somebody who has joined a tenant by an invitation of its owner. */
export async function aMember(api: TestApi, owner: Person, role: Role): Promise<Person> {
  const email = anEmail();
  await owner.http.post('/api/v1/members').send({ email, role }).expect(202);
  await api.anonymous
    .post('/api/v1/auth/invitations/accept')
    .send({ token: tokenTo(api, email), password: PASSWORD })
    .expect(204);
  return signedIn(api, email, owner.tenantId);
}

async function signedIn(api: TestApi, email: string, tenantId: string): Promise<Person> {
  const authorization = await signIn(api.url, { email, password: PASSWORD });
  const http = supertest.agent(api.url).set('Authorization', authorization);
  return { email, password: PASSWORD, tenantId, authorization, http };
}

const EFFECTIVE_WITHIN = 5_000; // ms: what the documentation promises of every revocation

/** Asks until the answer has `status`; throws when it has not got it within five seconds. */
export async function becomes(status: number, ask: () => PromiseLike<{ status: number }>): Promise<void> {
  for (const deadline = Date.now() + EFFECTIVE_WITHIN; ;) {
    const answer = await ask();
    if (answer.status === status) return;
    if (Date.now() > deadline) throw new Error(`After five seconds the answer is still ${answer.status}.`);
  }
}
