import { setTimeout } from 'node:timers/promises';
import supertest from 'supertest';
import { Mailer } from '@app/auth';
import { Database } from '@app/database';
import {
  ApiProcess,
  MailRefusal,
  MailServer,
  makeDatabase,
  openTestDatabase,
  ScratchDatabase,
  signIn,
  startApi,
  TestApi,
  testSettings,
} from '@app/testing';
import { migrationSets } from '../../../ormconfig';
import { anEmail, aPerson, PASSWORD } from './people';
import { aProduction } from './production';

let server: Database;
let database: ScratchDatabase;
let mail: MailServer;
let env: ReturnType<typeof aProduction>;
let api: ApiProcess;
let url: string;
beforeAll(async () => {
  server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
  [database, mail] = [await makeDatabase(server.adminUrl), await MailServer.start()];
  env = aProduction(database, mail.address);
  api = ApiProcess.start(env);
  url = await api.url();
});
afterAll(async () => {
  await mail.stop();
  await api.kill('SIGTERM');
  await database.drop();
  await server.release();
});
beforeEach(() => {
  mail.refusal = undefined;
  mail.isSilent = false;
});

const post = (path: string, body: object) => supertest(url).post(`/api/v1/auth/${path}`).send(body);
const signUp = (email: string) => post('sign-up', { email, password: PASSWORD, tenantName: 'Acme' });

describe('mail, in production', () => {
  it('arrives at SMTP_URL, and its link makes the login and the tenant', async () => {
    const email = anEmail();
    await signUp(email).expect(202);
    const token = await mail.tokenTo(email, 'verify');
    const { from, text } = mail.letters.at(-1)!;
    expect(from).toBe('books@example.com');
    expect(text).toContain(`https://books.example.com/account#verify=${token}&`);
    await supertest(url).get('/account').expect(200);
    await post('verify', { token }).expect(200);
    const authorization = await signIn(url, { email, password: PASSWORD });
    await supertest(url).get('/api/v1/books').set('Authorization', authorization).expect(200);
  });

  it('is handed in with the login and the password of SMTP_URL', async () => {
    const email = anEmail();
    await signUp(email).expect(202);
    await mail.tokenTo(email, 'verify');
    expect(mail.credentials).toEqual(['books', new URL(env.SMTP_URL).password]);
  });

  it('resets a password', async () => {
    const email = anEmail();
    await signUp(email).expect(202);
    await post('verify', { token: await mail.tokenTo(email, 'verify') }).expect(200);
    await post('password/forgot', { email }).expect(202);
    const reset = { token: await mail.tokenTo(email, 'reset'), password: 'another horse battery' };
    await post('password/reset', reset).expect(204);
    await signIn(url, { email, password: reset.password });
  });

  it('is shown by no page', async () => {
    const email = anEmail();
    await signUp(email).expect(202);
    const token = await mail.tokenTo(email, 'verify');
    const { text } = await supertest(url).get('/').expect(200);
    expect(text).not.toContain(email);
    expect(text).not.toContain(token);
  });
});

describe('a mail server', () => {
  it.each<[string, MailRefusal]>([
    ['everybody', { at: 'connect', code: 554, words: '5.3.2 Not today' }],
    ['our password', { at: 'auth', code: 535, words: '5.7.8 Who are you?' }],
    ['the recipient', { at: 'recipient', code: 550, words: '5.1.1 Nobody of that name' }],
    ['the letter', { at: 'letter', code: 554, words: '5.7.1 We do not like what it says' }],
    ['the letter, and quotes it,', { at: 'letter', code: 554, words: '5.7.26 We do not like LINK' }],
  ])('that refuses %s changes no answer, and the log says so without the link', async (_what, refusal) => {
    const [welcome, email] = [anEmail(), anEmail()];
    const polite = await signUp(welcome);
    await mail.tokenTo(welcome, 'verify');
    mail.refusal = refusal;
    mail.hangUp(); // they come anew
    const refused = await signUp(anEmail()).expect(202);
    expect([refused.text, Object.keys(refused.headers)]).toEqual([polite.text, Object.keys(polite.headers)]);

    const [code] = refusal.words.split(' '); // no two of these refusals have the same
    const line = await api.line(new RegExp(`could not be sent.*${code}`));
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      msg: expect.stringMatching(/^A mail could not be sent: Confirm your e-mail address/),
    });
    expect(line).not.toMatch(/[\w-]{43}/); // the length of every secret we hand out
    expect(line).not.toContain(new URL(env.SMTP_URL).password);

    mail.refusal = undefined;
    await signUp(email).expect(202);
    await post('verify', { token: await mail.tokenTo(email, 'verify') }).expect(200);
  });

  it('that says nothing keeps nobody waiting, and the log says so after some seconds', async () => {
    mail.isSilent = true;
    mail.hangUp();
    const coming = mail.nextClient();
    await signUp(anEmail()).expect(202);
    await coming;
    await supertest(url).get('/health/ready').expect(200);
    expect(await api.line(/could not be sent.*Greeting/)).toContain('"level":"error"');
  });
});

describe('mail that is under way', () => {
  let slow: MailServer;
  let here: TestApi;
  beforeEach(async () => {
    slow = await MailServer.start();
    here = await startApi({ SMTP_URL: `smtp://${slow.address}`, MAIL_FROM: 'books@example.com' });
  });
  afterEach(() => slow.stop());
  const forgot = (email: string) => here.anonymous.post('/api/v1/auth/password/forgot').send({ email }).expect(202);

  it('is sent, also when the process stops right after it was asked for', async () => {
    const { email } = await aPerson(here);
    slow.beforeTaking = setTimeout(500);
    await forgot(email);
    await here.close();
    expect(slow.letters.at(-1)).toMatchObject({
      from: 'books@example.com',
      to: email,
      subject: 'Choose a new password',
    });
  });

  it('and can no longer be taken on is not told of: the answer is the same for whom it was for and for nobody', async () => {
    const { email } = await aPerson(here);
    slow.beforeTaking = new Promise(() => undefined);
    const mailer = here.app.get(Mailer, { strict: false });
    for (let n = 0; n < 200; n++) mailer.send({ to: anEmail(), subject: 'One of many', text: '' });
    const [known, unknown] = [await forgot(email), await forgot(anEmail())];
    expect([known.text, Object.keys(known.headers)]).toEqual([unknown.text, Object.keys(unknown.headers)]);
    await here.close();
  });
});
