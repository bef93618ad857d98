import { ApiProcess, makeDatabase, openTestDatabase, testSettings, signIn } from '@app/testing';
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
    const api = ApiProcess.start({ DATABASE_URL: database.url, SCHEMA_PREFIX: database.prefix, LOG_LEVEL: 'debug' });
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
