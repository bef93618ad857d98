import { Settings } from '@app/config';
import { Hopeless } from '@app/jobs';
import { KeysService } from '@app/tenancy';
import { MailServer, until } from '@app/testing';
import { Seal } from './seal';
import { SendMail } from './send-mail.job';

const SECRET = 'a secret of some thirty-odd characters';

let server: MailServer;
let sender: SendMail;
const sealWith = (cursorSecret: string) => new Seal({ cursorSecret } as Settings, undefined as unknown as KeysService);
const seal = sealWith(SECRET);
beforeEach(async () => {
  server = await MailServer.start();
  const env = { NODE_ENV: 'test', SMTP_URL: `smtp://${server.address}`, MAIL_FROM: 'Books <books@example.com>' };
  sender = new SendMail(Settings.from(env), seal);
});
afterEach(async () => {
  sender.onApplicationShutdown();
  await server.stop();
});

const send = async (n: number): Promise<void> => {
  const mail = { to: `${n}@example.com`, subject: `No. ${n}`, text: 'Hello.' };
  await sender.run({ sealed: await seal.close(JSON.stringify(mail)) });
};

it('hands in many mails over few connections, and closes them when the process stops', async () => {
  await Promise.all(Array.from({ length: 50 }, (_mail, n) => send(n)));
  expect(server.letters).toHaveLength(50);
  expect(server.letters[0].from).toBe('books@example.com');
  expect(server.connections).toBeLessThanOrEqual(5);
  sender.onApplicationShutdown();
  await until(() => !server.open);
});

it('sends nothing where there is nothing to send', async () => {
  await sender.run({ sealed: await seal.close('null') });
  expect(server.connections).toBe(0);
});

it.each([
  ['a recipient that nobody knows', 'recipient', 550],
  ['a letter that is not liked', 'letter', 554],
] as const)('gives up on %s, and says so without the secrets that the server quotes', async (_what, at, code) => {
  server.refusal = { at, code, words: `5.7.1 ${'x'.repeat(43)}` };
  const failing = send(1);
  await expect(failing).rejects.toThrow(Hopeless);
  await expect(failing).rejects.toThrow(/^A mail could not be sent: No\. 1\. .*5\.7\.1 …/);
});

it.each([
  ['a server that takes nobody', 'connect', 554],
  ['a letter that is not taken now', 'letter', 451],
] as const)('may be tried again after %s', async (_what, at, code) => {
  server.refusal = { at, code, words: 'Not now' };
  const failing = send(1);
  await expect(failing).rejects.toThrow(/^A mail could not be sent: No\. 1\. /);
  await expect(failing).rejects.not.toThrow(Hopeless);
});

it('does not wait for ever for a server to say who it is', async () => {
  server.isSilent = true;
  await expect(send(1)).rejects.toThrow(/^A mail could not be sent: No\. 1\. .*Greeting/);
});

it('reads no mail that was sealed with another secret, or changed', async () => {
  const other = await sealWith(`${SECRET}!`).close('null');
  await expect(sender.run({ sealed: other })).rejects.toThrow();
  const own = await seal.close('null');
  await expect(sender.run({ sealed: `A${own.slice(1)}`.replace(/^AA/, 'BA') })).rejects.toThrow();
  expect(await seal.close('null')).not.toBe(own);
});
