import { AppProcess, makeDatabase, openTestDatabase, testSettings, signIn, startApi, watchedLog } from '@app/testing';
import { Logger } from '@nestjs/common';
import { DEMO_LOGIN } from '@app/auth';
import { withAdmin } from '@app/database';
import { migrationSets } from '../../../ormconfig';

type Line = Record<string, any>;

describe('the log of an API', () => {
  let lines: Line[];
  let text: string;
  let token: string;

  beforeAll(async () => {
    const server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
    const database = await makeDatabase(server.adminUrl);
    const api = AppProcess.start('api', {
      DATABASE_URL: database.url,
      SCHEMA_PREFIX: database.prefix,
      LOG_LEVEL: 'debug',
    });
    try {
      const url = await api.url();
      const authorization = await signIn(url);
      token = authorization.split(' ')[1];
      const post = (id: string) =>
        fetch(`${url}/api/v1/books`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-request-id': id,
            authorization,
            cookie: 'sid=sesame-2',
          },
          body: JSON.stringify({ identifier: 'sesame-3', name: 'N', author: 'A' }),
        });
      await post('first');
      await post('second'); // taken
      await withAdmin(database.url, (client) =>
        client.query(`ALTER TABLE ${database.prefix}t_demo.book RENAME TO gone`),
      );
      expect((await post('broken')).status).toBe(500);
      await fetch(`${url}/api/v1/books`, { headers: { authorization: 'Bearer sesame-1', 'x-api-key': 'sesame-4' } });
    } finally {
      await api.kill('SIGTERM');
      await database.drop();
      await server.release();
    }
    text = api.lines.join('\n');
    lines = api.lines.map((line) => JSON.parse(line) as Line);
  });

  const ofRequest = (id: string) => lines.filter(({ requestId }) => requestId === id);

  it('is JSON with a level, a time and a message on every line', () => {
    for (const line of lines)
      expect(line).toMatchObject({
        level: expect.any(String),
        time: expect.stringMatching(/Z$/),
        msg: expect.any(String),
      });
  });

  it('has a line for each request, with its id, route, status and time taken', () => {
    expect(ofRequest('first')).toEqual([
      expect.objectContaining({
        msg: 'request',
        method: 'POST',
        route: '/api/v1/books',
        status: 201,
        ms: expect.any(Number),
      }),
    ]);
    expect(ofRequest('second').at(-1)).toMatchObject({ msg: 'request', status: 409 });
  });

  it("carries a request's id on the lines about its failed statements, too", () => {
    expect(ofRequest('broken').filter(({ context }) => context === 'TypeORM')).not.toEqual([]);
    expect(ofRequest('broken').find(({ level }) => level === 'error')).toMatchObject({
      err: { type: 'QueryFailedError', code: '42P01' },
    });
  });

  it('keeps one line out of the next', () => {
    expect(ofRequest('broken').at(-1)).toMatchObject({ msg: 'request', status: 500 });
    expect(ofRequest('broken').at(-1)).not.toHaveProperty('err');
  });

  it('never shows what was sent: no token, cookie, parameter or value', () => {
    expect(text).not.toContain('sesame');
    expect(text).not.toContain(token);
    expect(text).not.toContain(DEMO_LOGIN.password);
  });
});

describe('the log of every API that a spec starts', () => {
  it('is looked through, and a secret in it is an error when the API ends', async () => {
    const api = await startApi();
    const before = watchedLog.lines;
    await api.http.get('/api/v1/books').expect(200);
    expect(watchedLog.lines).toBe(before + 1);
    new Logger('Spec').log(`Let in: ${api.authorization}`);
    await expect(api.close()).rejects.toThrow('a JWT');
    await api.close(); // what was found is told once
  });

  it('is looked through in other processes, too: here is a link that development prints', async () => {
    const server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
    const database = await makeDatabase(server.adminUrl);
    const env = { NODE_ENV: 'development', DATABASE_URL: database.url, SCHEMA_PREFIX: database.prefix };
    const api = AppProcess.start('api', env);
    try {
      const login = { email: 'new@example.com', password: 'correct horse battery', tenantName: 'New' };
      const headers = { 'content-type': 'application/json' };
      const url = `${await api.url()}/api/v1/auth/sign-up`;
      expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(login) })).status).toBe(202);
      await api.line(/account#verify=/);
    } finally {
      await expect(api.kill('SIGTERM')).rejects.toThrow('the token of a refresh or of a link');
      await database.drop();
      await server.release();
    }
  });
});
