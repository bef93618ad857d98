import { once } from 'node:events';
import { AddressInfo, connect, createServer, Server, Socket } from 'node:net';
import { Client } from 'pg';
import { QueryFailedError } from 'typeorm';
import { Settings } from '@app/config';
import { claim, makeDatabase, openTestDatabase, ScratchDatabase, testSettings } from '@app/testing';
import { checkConnectionBudget } from './connection-budget';
import { Database, openDatabase, refuseOldServers, withAdmin } from './database';
import { ConnectionLost, isDataError, isRetryable, isUnavailable, postgresError } from './database-errors';

const SETS = { platform: { entities: [], migrations: [] }, tenant: { entities: [], migrations: [] } };

let server: Database;
let scratch: ScratchDatabase;
let admin: Client;

beforeAll(async () => {
  server = await openTestDatabase(testSettings(), SETS, () => undefined);
  scratch = await makeDatabase(server.adminUrl);
  admin = await claim(server.adminUrl, `of ${scratch.prefix}`);
});
afterAll(async () => {
  await scratch.drop();
  await admin.end();
  await server.release();
});

const change = (url: string, changes: Partial<URL>): string => Object.assign(new URL(url), changes).href;
const settingsFor = (databaseUrl: string, env: NodeJS.ProcessEnv = {}): Settings =>
  testSettings({ DATABASE_URL: databaseUrl, SCHEMA_PREFIX: scratch.prefix, ...env });
const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('did not fail'),
    (error: Error) => error,
  );
const passwordOf = (url: string): string => decodeURIComponent(new URL(url).password);

describe('openDatabase', () => {
  it.each([
    ['', scratchName('new_test')],
    [' whose name must be quoted', scratchName('New "o\'ne" test')],
  ])('creates a database that is absent%s, once, and says so', async (_what, name) => {
    const url = change(server.adminUrl, { pathname: `/${encodeURIComponent(name())}` });
    try {
      const lines: string[] = [];
      const open = () => openDatabase(settingsFor(url), SETS, (line) => lines.push(line));
      await Promise.all([open(), open(), open()]);
      expect(lines[0]).toBe(`Created the database ${new URL(url).host}${new URL(url).pathname}.`);
      expect(lines.join()).not.toContain(passwordOf(url));
      const { adminUrl } = await open();
      const [row] = await withAdmin(
        adminUrl,
        async (client) => (await client.query('SELECT current_database() AS name')).rows,
      );
      expect(row).toEqual({ name: name() });
    } finally {
      await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(name())} WITH (FORCE)`);
    }
  });

  it('says what to type where it may not create the database', async () => {
    await admin.query(`CREATE ROLE ${scratch.prefix}weak LOGIN PASSWORD 'its own'`);
    const username = `${scratch.prefix}weak`;
    const url = change(server.adminUrl, { username, password: 'its own', pathname: `/${scratch.prefix}absent` });
    const { message } = await failureOf(openDatabase(settingsFor(url), SETS, () => undefined));
    expect(message).toBe(
      `The database "${scratch.prefix}absent" does not exist and this login may not create it: as a superuser, type CREATE DATABASE "${scratch.prefix}absent";`,
    );
  });

  it('does not wait where the password is wrong, nor repeat it', async () => {
    const url = change(scratch.url, { password: 'mistyped' });
    const lines: string[] = [];
    const error = await failureOf(openDatabase(settingsFor(url), SETS, (line) => lines.push(line)));
    expect(postgresError(error)?.code).toBe('28P01');
    expect([...lines, error.message].join()).not.toContain('mistyped');
  });

  it('gives the application another login than the administrator, with a password that cannot be guessed from its own', async () => {
    const { appUrl, adminUrl, names } = await openDatabase(settingsFor(scratch.url), SETS, () => undefined);
    expect([adminUrl, new URL(appUrl).username, names.app]).toEqual([
      scratch.url,
      `${scratch.prefix}app`,
      `${scratch.prefix}app`,
    ]);
    expect(passwordOf(appUrl)).toMatch(/^[\w-]{43}$/);
    const again = await openDatabase(settingsFor(scratch.url), SETS, () => undefined);
    expect(again.appUrl).toBe(appUrl); // all processes come to the same

    const others = await openDatabase(settingsFor(scratch.url, { SCHEMA_PREFIX: 'others' }), SETS, () => undefined);
    expect(passwordOf(others.appUrl)).not.toBe(passwordOf(appUrl));
  });

  it('goes with DATABASE_URL where DATABASE_ADMIN_URL is somebody else', async () => {
    const url = change(scratch.url, { username: 'm%40ine', password: 'my own' });
    const settings = settingsFor(url, { DATABASE_ADMIN_URL: scratch.url });
    const { appUrl, adminUrl, names } = await openDatabase(settings, SETS, () => undefined);
    expect([appUrl, adminUrl, names.app]).toEqual([url, scratch.url, 'm@ine']);
  });

  describe('on a port where nobody answers yet', () => {
    let port: number;
    const listening = new Map<Server, Set<Socket>>();
    beforeEach(async () => {
      const nobody = createServer().listen(0, '127.0.0.1');
      await once(nobody, 'listening');
      ({ port } = nobody.address() as AddressInfo);
      nobody.close();
      await once(nobody, 'close');
    });
    afterEach(async () => {
      jest.restoreAllMocks();
      for (const one of listening.keys()) await stop(one);
    });

    async function answer(how: (near: Socket) => void): Promise<Server> {
      const sockets = new Set<Socket>();
      const one = createServer((near) => {
        sockets.add(near);
        how(near.on('error', () => undefined));
      }).listen(port, '127.0.0.1');
      listening.set(one, sockets);
      await once(one, 'listening');
      return one;
    }
    async function stop(one: Server): Promise<void> {
      for (const socket of listening.get(one)!) socket.destroy();
      listening.delete(one);
      one.close();
      await once(one, 'close');
    }
    const postgres = (near: Socket) => {
      const { hostname, port } = new URL(server.adminUrl);
      const far = connect(Number(port || 5432), hostname).on('error', () => near.destroy());
      near
        .on('close', () => far.destroy())
        .pipe(far)
        .pipe(near);
    };
    const url = () => change(scratch.url, { hostname: '127.0.0.1', port: String(port) });
    /** Makes the clock go forward; who has read it already sees that much time gone. */
    const passTime = (milliseconds: number) => {
      const { now } = Date;
      jest.spyOn(Date, 'now').mockImplementation(() => now() + milliseconds);
    };

    it('waits, says so, and goes on when a server comes, even one that slams the door at first', async () => {
      const lines: string[] = [];
      const firstLine = Promise.withResolvers<void>();
      const opening = openDatabase(settingsFor(url()), SETS, (line) => {
        lines.push(line);
        firstLine.resolve();
      });
      passTime(2_001);
      await firstLine.promise;
      const slammed = Promise.withResolvers<void>();
      const slamming = await answer((near) => {
        near.destroy();
        slammed.resolve();
      });
      await slammed.promise;
      await stop(slamming);
      await answer(postgres);

      const { adminUrl } = await opening;
      expect(adminUrl).toBe(url());
      expect(lines[0]).toBe(
        `Waiting for the database at 127.0.0.1:${port}${new URL(url()).pathname} (connect ECONNREFUSED 127.0.0.1:${port}).`,
      );
      expect(lines.join()).not.toContain(passwordOf(url()));
    });

    it('gives up at the deadline, and says where it looked', async () => {
      const reasonAt = async (address: string) => {
        const settings = settingsFor(address, { DATABASE_WAIT_SECONDS: '1' });
        return (await failureOf(openDatabase(settings, SETS, () => undefined))).message;
      };
      const reasons = [
        reasonAt(url()),
        reasonAt(change(url(), { hostname: 'localhost' })), // which may have several addresses
      ];
      passTime(1_001);
      const [message, ofName] = await Promise.all(reasons);
      expect(ofName).toContain('ECONNREFUSED');
      expect(message).toBe(
        `The database at 127.0.0.1:${port}${new URL(url()).pathname} did not answer within 1 s ` +
          `(connect ECONNREFUSED 127.0.0.1:${port}): start it, or check DATABASE_URL.`,
      );
    });

    it('takes a server that accepts and stays silent for one that is not there yet', async () => {
      await answer(() => undefined);
      const client = new Client({ connectionString: url(), connectionTimeoutMillis: 50 });
      expect(isUnavailable(await failureOf(client.connect()))).toBe(true);
    });
  });

  function scratchName(end: string): () => string {
    return () => scratch.prefix + end;
  }
});

describe('refuseOldServers', () => {
  it('takes this server, and says of one that is too old what to do', async () => {
    await expect(refuseOldServers(admin)).resolves.toBeUndefined();
    await expect(refuseOldServers(admin, 990_000)).rejects.toThrow(
      /^Postgres \d+\.\d+ is too old: .* Upgrade the server\.$/,
    );
  });
});

describe('checkConnectionBudget', () => {
  const check = async (env: NodeJS.ProcessEnv) => {
    const settings = settingsFor(scratch.url, env);
    const lines: string[] = [];
    await checkConnectionBudget(await openDatabase(settings, SETS, () => undefined), settings, (line) =>
      lines.push(line),
    );
    return lines;
  };
  const free = async (): Promise<number> => {
    const { rows } = await admin.query<{ free: number }>(
      `SELECT sum(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END)::int AS free FROM pg_settings
        WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')`,
    );
    return rows[0].free;
  };

  it('says nothing as long as all processes together have enough', async () => {
    expect(await check({ DATABASE_POOL_SIZE: '1', REPLICAS: String(Math.floor((await free()) / 4)) })).toEqual([]);
  });

  it('says by how much they have not, outside production', async () => {
    const replicas = Math.floor((await free()) / 4) + 1; // each takes one, and three for jobs
    const [line, ...more] = await check({ DATABASE_POOL_SIZE: '1', REPLICAS: String(replicas) });
    expect(more).toEqual([]);
    expect(line).toBe(
      `DATABASE_POOL_SIZE 1 and 3 for jobs, × REPLICAS ${replicas}, makes ${4 * replicas} connections, ` +
        `and the server has ${await free()}: ` +
        'lower one of them, or raise max_connections.',
    );
  });

  it('stops a production boot', async () => {
    const env = {
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://books.example.com',
      DATABASE_URL: scratch.url,
      CURSOR_SECRET: '0123456789abcdef0123456789abcdef',
      AUTH_MODE: 'oidc', // so that nothing more is asked for
      OIDC_ISSUER: 'https://login.example.com',
      OIDC_AUDIENCE: 'books',
      REPLICAS: '10000',
    };
    const settings = Settings.from(env);
    const database = await openDatabase(settings, SETS, () => undefined);
    const { message } = await failureOf(checkConnectionBudget(database, settings, () => undefined));
    expect(message).toContain('DATABASE_POOL_SIZE 10 and 3 for jobs, × REPLICAS 10000, makes 130000 connections');
  });
});

describe('isUnavailable', () => {
  const coded = (code: string) => Object.assign(new Error('x'), { code });
  const inQuery = (error: Error) => new QueryFailedError('SELECT 1', [], error);

  it.each([
    '08006',
    '57P01',
    '57P02',
    '57P03',
    '53300',
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
  ])('is true of %s, alone and in a failed query', (code) => {
    expect([isUnavailable(coded(code)), isUnavailable(inQuery(coded(code)))]).toEqual([true, true]);
  });

  it.each(['Connection terminated unexpectedly', 'timeout exceeded when trying to connect'])(
    'is true of what the driver gives no code: %s',
    (message) => expect(isUnavailable(new Error(message))).toBe(true),
  );

  it('is true of a connection that broke under a unit of work', () => {
    expect(isUnavailable(new ConnectionLost())).toBe(true);
  });

  it.each(['23505', '42P01', '40P01', 'ENOENT'])('is false of %s', (code) => {
    expect([isUnavailable(coded(code)), isUnavailable(inQuery(coded(code)))]).toEqual([false, false]);
  });

  it.each(['57P01', undefined, null, { code: '57P01' }])('is false of what is no error: %p', (thrown) => {
    expect(isUnavailable(thrown)).toBe(false);
  });
});

describe('postgresError', () => {
  it('tells what Postgres said from what the network did', async () => {
    const epipe = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    expect(postgresError(epipe)).toBeUndefined();
    const said = await failureOf(admin.query('SELECT 1/0'));
    expect(postgresError(new QueryFailedError('SELECT 1/0', [], said))).toBe(said);
    expect([isDataError(said), isRetryable(said)]).toEqual([true, false]);
  });
});
