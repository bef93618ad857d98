import { setTimeout } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Settings } from '@app/config';
import { MailServer } from '@app/testing';
import { Mailer } from './mailer';

let server: MailServer;
let logged: jest.SpyInstance;
beforeEach(async () => {
  server = await MailServer.start();
  logged = jest.spyOn(Logger.prototype, 'error').mockImplementation();
});
afterEach(async () => {
  logged.mockRestore();
  await server.stop();
});

const mailer = () =>
  new Mailer(
    Settings.from({ NODE_ENV: 'test', SMTP_URL: `smtp://${server.address}`, MAIL_FROM: 'Books <books@example.com>' }),
  );
const mail = (n: number) => ({ to: `${n}@example.com`, subject: `No. ${n}`, text: 'Hello.' });
const sendMany = (by: Mailer, count: number) => {
  for (let n = 1; n <= count; n++) by.send(mail(n));
};
const complaints = () => logged.mock.calls.map(([said]) => said as string);
const until = async (isSo: () => boolean) => {
  while (!isSo()) await setTimeout(10);
};

it('hands in many mails over few connections, and closes them when the process stops', async () => {
  const sender = mailer();
  sendMany(sender, 50);
  await until(() => server.letters.length === 50);
  expect(server.connections).toBeLessThanOrEqual(5);
  expect(server.letters[0].from).toBe('books@example.com');
  await sender.onApplicationShutdown();
  await until(() => server.open === 0);
  expect(complaints()).toEqual([]);
});

it('finishes what is under way and what waits when the process stops', async () => {
  server.beforeTaking = setTimeout(1_000);
  const sender = mailer();
  sendMany(sender, 20);
  await sender.onApplicationShutdown();
  expect(server.letters).toHaveLength(20);
  expect(complaints()).toEqual([]);
});

it('gives up after some seconds when the process stops and the server does not answer, and says so', async () => {
  server.beforeTaking = new Promise(() => undefined);
  const sender = mailer();
  sendMany(sender, 7);
  const start = Date.now();
  await sender.onApplicationShutdown();
  expect(Date.now() - start).toBeLessThan(5_000);
  const said = [1, 2, 3, 4, 5, 6, 7].map((n) => expect.stringMatching(`^A mail could not be sent: No. ${n}. `));
  expect(complaints().sort()).toEqual(said);
});

it('keeps 200 mails waiting and drops what comes then, with a word in the log and none to whoever sends', async () => {
  server.beforeTaking = new Promise(() => undefined);
  const sender = mailer();
  sendMany(sender, 202);
  expect(complaints()).toEqual(
    [201, 202].map(
      (n) => `A mail was dropped, for 200 wait to be sent: No. ${n}. See whether the server in SMTP_URL keeps up.`,
    ),
  );
  await sender.onApplicationShutdown();
});

it('does not wait longer than five seconds for a server to say who it is', async () => {
  server.isSilent = true;
  const sender = mailer();
  sender.send(mail(1));
  const start = Date.now();
  await until(() => complaints().length > 0);
  expect(Date.now() - start).toBeLessThan(8_000);
  expect(complaints()).toEqual([expect.stringMatching('^A mail could not be sent: No. 1. ')]);
  await sender.onApplicationShutdown();
});
