import supertest from 'supertest';
import { Database, withAdmin } from '@app/database';
import {
  AppProcess,
  closeApi,
  MailRefusal,
  MailServer,
  makeDatabase,
  openApi,
  openTestDatabase,
  ScratchDatabase,
  signIn,
  startApi,
  TestApi,
  testSettings,
  until,
} from '@app/testing';
import { migrationSets } from '../../../ormconfig';
import { anEmail, aPerson, PASSWORD, tokenTo } from './people';
import { aProduction } from './production';

let server: Database;
let database: ScratchDatabase;
let mail: MailServer;
let env: ReturnType<typeof aProduction>;
let api: AppProcess;
let url: string;
beforeAll(async () => {
  server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
  [database, mail] = [await makeDatabase(server.adminUrl), await MailServer.start()];
  env = aProduction(database, mail.address);
  api = AppProcess.start('api', env);
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
      level: ['recipient', 'letter'].includes(refusal.at) ? 'error' : 'warn', // which is tried again
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
    expect(await api.line(/could not be sent.*Greeting/)).toContain('"level":"warn"');
  });
});

describe('mail that nobody could send yet', () => {
  let slow: MailServer;
  beforeEach(async () => (slow = await MailServer.start()));
  afterEach(() => slow.stop());
  const setting = () => ({ SMTP_URL: `smtp://${slow.address}`, MAIL_FROM: 'books@example.com' });
  const forgot = (here: TestApi, email: string) =>
    here.anonymous.post('/api/v1/auth/password/forgot').send({ email }).expect(202);
  const jobs = async (here: TestApi) => {
    const { rows } = await withAdmin(here.adminUrl, (client) =>
      client.query(`SELECT * FROM ${here.prefix}jobs.job WHERE name = 'auth.send-mail'`),
    );
    return rows as { state: string; data: object }[];
  };

  it('waits for a worker, and tells whoever has only the database neither whom it is for nor what it says', async () => {
    const here = await startApi(setting());
    const { email } = await aPerson(here);
    await forgot(here, email);
    const token = tokenTo(here, email);
    const kept = JSON.stringify(await jobs(here));
    for (const said of [email, token, 'password']) expect(kept).not.toContain(said);
    expect(slow.letters).toEqual([]);
    const worker = await openApi(testSettings({ ...setting(), SCHEMA_PREFIX: here.prefix, WORKER_IN_API: 'true' }));
    expect(await slow.tokenTo(email, 'reset')).toBe(token);
    await closeApi(worker.app);
    await here.close();
  });

  it('leaves as many jobs for an address that is known as for one that is not', async () => {
    const here = await startApi(setting());
    const { email } = await aPerson(here);
    const counts: number[] = [];
    for (const address of [email, anEmail()]) {
      const before = (await jobs(here)).length;
      await forgot(here, address);
      counts.push((await jobs(here)).length - before);
    }
    expect(counts).toEqual([1, 1]);
    await here.close();
  });

  it('is tried again when the server is there again', async () => {
    const here = await startApi({ ...setting(), WORKER_IN_API: 'true' });
    const { email } = await aPerson(here);
    slow.refusal = { at: 'letter', code: 451, words: '4.3.0 Come again' };
    await forgot(here, email);
    await until(async () => (await jobs(here)).some(({ state }) => state === 'retry'));
    slow.refusal = undefined;
    const before = slow.letters.length;
    await until(() => slow.letters.length > before);
    expect(slow.letters.at(-1)).toMatchObject({ to: email, subject: 'Choose a new password' });
    await here.close();
  });
});
