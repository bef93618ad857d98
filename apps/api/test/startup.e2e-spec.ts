import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, withAdmin } from '@app/database';
import { AppProcess, makeDatabase, openTestDatabase, ScratchDatabase, testSettings, signIn } from '@app/testing';
import { migrationSets } from '../../../ormconfig';

const BOOK = { identifier: '978-3-16-148410-0', name: 'N', author: 'A' };

describe('npm start, without a database', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  const running: AppProcess[] = [];

  const start = (more: NodeJS.ProcessEnv = {}) => {
    const api = AppProcess.start('api', { ...env, ...more });
    running.push(api);
    return api;
  };
  const post = async (url: string) => {
    const headers = { authorization: await signIn(url), 'content-type': 'application/json' };
    return (await fetch(`${url}/api/v1/books`, { method: 'POST', headers, body: JSON.stringify(BOOK) })).status;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'a start '));
    await chmod(folder, 0o755); // run by root, Postgres is another user
    env = { POSTGRES_DATA_DIR: join(folder, 'data'), DATABASE_POOL_SIZE: '3' };
  });
  afterEach(async () => {
    for (const api of running.splice(0)) await api.kill('SIGTERM');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('serves over a Postgres of its own, stops cleanly on SIGTERM and keeps its data', async () => {
    const first = start();
    expect(await post(await first.url())).toBe(201);
    expect(await first.kill('SIGTERM')).toBe(0);

    expect(await post(await start().url())).toBe(409);
  });

  it('is joined by a second process, and lives on when the first one is stopped', async () => {
    const first = start();
    await first.url();
    const second = start();
    const url = await second.url();
    expect(await first.kill('SIGINT')).toBe(0);
    expect(await post(url)).toBe(409);
  });

  it('starts again after kill -9, with its data', async () => {
    const first = start();
    await first.url();
    expect(await first.kill('SIGKILL')).toBe('SIGKILL');

    expect(await post(await start().url())).toBe(409);
  });

  it('stops with npm when that is told to, though the shell between them says nothing', async () => {
    const npm = spawn('npm', ['run', '-s', 'start:prod'], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'test', PORT: '0', LOG_FORMAT: 'json', ...env },
    });
    const lines = createInterface({ input: npm.stdout });
    for await (const line of lines) if (line.includes('Listening')) break;
    npm.kill('SIGTERM');
    await once(npm, 'close'); // when the API has let go of the output, too
    expect(await post(await start().url())).toBe(409);
  });

  it('names a port that is taken, and leaves no server running', async () => {
    const other = createServer().listen(0, '127.0.0.1').unref();
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const api = start({ PORT: String(port) });
    expect(await api.ended).toBe(1);
    expect(api.lines.join('\n')).toContain(`Port ${port} of 127.0.0.1 is taken by another program`);
  });

  it('finishes a request that is under way when it is stopped', async () => {
    const api = start();
    const url = new URL(await api.url());
    const authorization = await signIn(url.origin);
    const { request } = await import('node:http');
    const body = JSON.stringify(BOOK);
    const answered = new Promise<number>((resolve, reject) => {
      const sent = request({
        host: url.hostname,
        port: url.port,
        path: '/api/v1/books',
        method: 'PUT',
        headers: {
          authorization,
          'content-type': 'application/json',
          'content-length': body.length,
          expect: '100-continue',
        },
      });
      sent.once('continue', () => {
        void api.kill('SIGTERM'); // the server has the head of the request, and waits for the rest
        void api.line(/Draining/).then(() => sent.end(body));
      });
      sent.once('response', (response) => resolve(response.statusCode!)).once('error', reject);
      sent.flushHeaders();
    });
    expect(await answered).toBe(200);
    expect(await api.ended).toBe(0);
  });

  it('is not kept from stopping by who has connected and asks nothing', async () => {
    const api = start();
    const { hostname, port } = new URL(await api.url());
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const hungUp = once(socket, 'close');
    await fetch(await api.url()); // by now the server has taken it
    expect(await api.kill('SIGTERM')).toBe(0);
    await hungUp;
    expect(api.lines.filter((line) => line.includes('Requests still ran'))).toEqual([]);
  });

  it('stops the boot with one sentence per wrong setting', async () => {
    const api = start({ PORT: 'eight', LOG_LEVEL: 'loud', DATABASE_POLL_SIZE: '5', SCHEMA_PREFIX: 'Not-This' });
    expect(await api.ended).toBe(1);
    const said = api.lines.join('\n');
    for (const sentence of [
      /PORT must .* but is "eight"/,
      /LOG_LEVEL must be one of/,
      /did you mean DATABASE_POOL_SIZE\?/,
      /SCHEMA_PREFIX must be at most 12/,
    ]) {
      expect(said).toMatch(sentence);
    }
  });

  it('refuses to run an embedded server in production', async () => {
    const api = start({ NODE_ENV: 'production' });
    expect(await api.ended).toBe(1);
    expect(api.lines.join('\n')).toContain('DATABASE_URL must be set in production');
  });
});

describe('npm start, with DATABASE_URL', () => {
  let server: Database;
  let database: ScratchDatabase;
  const running: AppProcess[] = [];
  const start = (more: NodeJS.ProcessEnv = {}) => {
    const api = AppProcess.start('api', {
      DATABASE_URL: database.url,
      SCHEMA_PREFIX: database.prefix,
      DATABASE_POOL_SIZE: '2',
      ...more,
    });
    running.push(api);
    return api;
  };

  beforeAll(async () => {
    server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
    database = await makeDatabase(server.adminUrl);
  });
  afterEach(async () => {
    for (const api of running.splice(0)) await api.kill('SIGTERM');
  });
  afterAll(async () => {
    await database.drop();
    await server.release();
  });

  it('says what to type when the migrations are left to another process, and that has not come yet', async () => {
    const api = start({ MIGRATE_ON_BOOT: 'false' });
    expect(await api.ended).toBe(1);
    expect(api.lines.join('\n')).toContain(
      'With MIGRATE_ON_BOOT=false the database must be prepared first: npm run cli -- migrate',
    );
  });

  it("serves with nothing but the application's own login, once another process has migrated", async () => {
    const own = new URL(database.url);
    own.username = `${database.prefix}app`;
    own.password = 'chosen by a person';
    const first = start({ DATABASE_URL: own.href, DATABASE_ADMIN_URL: database.url });
    await first.url();
    await first.kill('SIGTERM');

    const url = await start({ DATABASE_URL: own.href, MIGRATE_ON_BOOT: 'false' }).url();
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/books`, { headers: { authorization: await signIn(url) } })).status).toBe(200);
  });

  it('is not ready while a tenant is behind, and is once it is not', async () => {
    const first = start();
    await first.url();
    await first.kill('SIGTERM');
    const tenants = `${database.prefix}platform.tenant`;
    await withAdmin(database.url, (client) => client.query(`UPDATE ${tenants} SET migrated_to = migrated_to - 1`));

    const url = await start({ MIGRATE_ON_BOOT: 'false' }).url();
    const answer = await fetch(`${url}/health/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      code: 'not_ready',
      detail: 'One tenant is behind this release: run the migrations.',
    });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);

    await withAdmin(database.url, (client) => client.query(`UPDATE ${tenants} SET migrated_to = migrated_to + 1`));
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  });

  it('serves as a login that owns nothing, whatever the administrator may do', async () => {
    const api = start({ LOG_LEVEL: 'info' });
    await signIn(await api.url());
    await withAdmin(database.url, async (client) => {
      const { rows } = await client.query<{ login: string; isSuper: boolean }>(
        `SELECT DISTINCT usename AS login, usesuper AS "isSuper" FROM pg_stat_activity JOIN pg_user USING (usename)
          WHERE datname = current_database() AND application_name = 'starter'`,
      );
      expect(rows).toEqual([{ login: `${database.prefix}app`, isSuper: false }]);
      await client.query(`SET ROLE ${database.prefix}app`);
      await client.query(`SELECT FROM ${database.prefix}platform.migrations`);
      await expect(client.query(`DELETE FROM ${database.prefix}platform.migrations`)).rejects.toMatchObject({
        code: '42501',
      });
    });
  });
});
