import supertest from 'supertest';
import { MailServer, ScratchDatabase, startApi, TestApi } from '@app/testing';
import { CLI, runProgram } from './run-program';

const EMAIL = 'ada@example.com';

let api: TestApi;
let mail: MailServer;
beforeAll(async () => {
  mail = await MailServer.start();
  const env = { SMTP_URL: `smtp://${mail.address}`, MAIL_FROM: 'books@example.com', WORKER_IN_API: 'true' };
  api = await startApi(env);
});
afterAll(async () => {
  await api.close();
  await mail.stop();
});

const jobs = (...args: string[]) =>
  runProgram({ url: api.adminUrl, prefix: api.prefix } as ScratchDatabase, CLI, ['jobs', ...args]);

/** A mail that the server refused for good. */
async function aDeadLetter(): Promise<string> {
  mail.refusal = { at: 'recipient', code: 550, words: '5.1.1 Nobody of that name' };
  const signUp = { email: EMAIL, password: 'chosen by a person', tenantName: 'Acme' };
  await supertest(api.url).post('/api/v1/auth/sign-up').send(signUp).expect(202);
  for (;;) {
    const { code, stdout } = await jobs('dead');
    expect(code).toBe(0);
    const [id, diedAt, job, tenant, , why] = stdout.trim().split('  ');
    if (!diedAt) continue;
    expect(new Date(diedAt).getTime()).toBeLessThanOrEqual(Date.now());
    expect([job, tenant]).toEqual(['auth.send-mail', 'no tenant']);
    expect(why).toMatch(/^A mail could not be sent: Confirm your e-mail address\. .*5\.1\.1/);
    return id;
  }
}

it('lists the dead letters and lets them be done again, all or one', async () => {
  expect(await jobs('dead')).toMatchObject({ code: 0, stdout: 'There is no dead letter.\n' });
  expect(await jobs('replay', 'all')).toMatchObject({ code: 0, stdout: '0 jobs wait to be done again.\n' });
  for (const which of ['all', 'one']) {
    const id = await aDeadLetter();
    mail.refusal = undefined;
    const before = mail.letters.length;
    const said = await jobs('replay', which === 'all' ? 'all' : id);
    expect(said).toMatchObject({ code: 0, stdout: 'One job waits to be done again.\n' });
    await mail.tokenTo(EMAIL, 'verify');
    expect(mail.letters).toHaveLength(before + 1);
    expect(await jobs('dead')).toMatchObject({ stdout: 'There is no dead letter.\n' });
    mail.letters.length = 0;
  }
});

it('says which of them are none, and what to type', async () => {
  const stranger = '01990000-0000-7000-8000-000000000000';
  expect(await jobs('replay', stranger)).toMatchObject({
    code: 1,
    stderr: '0 of 1 wait to be done again: the others are no dead letters.\n',
  });
  for (const args of [['replay', 'some'], ['bury']]) {
    const { code, stderr } = await jobs(...args);
    expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining('Type npm run cli -- jobs dead')]);
  }
});
