import { Client } from 'pg';
import { Database, withAdmin } from '@app/database';
import {
  AppProcess,
  claim,
  freshPrefix,
  makeDatabase,
  MortalPostgres,
  openTestDatabase,
  prefixesIn,
  ScratchDatabase,
  startApi,
  sweep,
  testSettings,
  signIn,
  until,
} from '@app/testing';
import { migrationSets } from '../../../ormconfig';

let server: Database;
beforeAll(async () => (server = await openTestDatabase(testSettings(), migrationSets, () => undefined)));
afterAll(() => server.release());

describe('processes that boot on an empty database', () => {
  let database: ScratchDatabase;
  const running: AppProcess[] = [];
  const start = () => {
    const api = AppProcess.start('api', {
      DATABASE_URL: database.url,
      SCHEMA_PREFIX: database.prefix,
      DATABASE_POOL_SIZE: '2',
    });
    running.push(api);
    return api;
  };

  beforeEach(async () => (database = await makeDatabase(server.adminUrl)));
  afterEach(async () => {
    await Promise.all(running.splice(0).map((api) => api.kill('SIGTERM')));
    await database.drop();
  });

  it('are all ready when ten of them start at once, each migration having run once', async () => {
    const urls = await Promise.all(Array.from({ length: 10 }, () => start().url()));
    for (const url of urls) expect((await fetch(`${url}/health/ready`)).status).toBe(200);

    const migrated = running.flatMap(({ lines }) => lines.filter((line) => line.includes('Migrated the platform')));
    const ran = migrated.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(ran).toEqual([...new Set(ran)]);
    expect(ran).not.toEqual([]);
    await withAdmin(database.url, async (client) => {
      for (const schema of [`${database.prefix}platform`, `${database.prefix}t_demo`]) {
        const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${schema}.migrations`);
        expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
      }
    });
  });

  it('finish the work of the one that is killed -9 in the middle of a migration', async () => {
    const gate = await holdTablesBack(database.url);
    const killed = start();
    await until(async () => (await gate.waiting()) === 1);
    const other = start();
    await until(async () => (await gate.migrators()) > 1);
    expect(await killed.kill('SIGKILL')).toBe('SIGKILL');
    await gate.open();

    const url = await other.url();
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/books`, { headers: { authorization: await signIn(url) } })).status).toBe(200);
  });
});

describe('a process that is killed -9 while it makes the tenant of a sign-up', () => {
  let database: ScratchDatabase;
  let [killed, other]: AppProcess[] = [];
  beforeEach(async () => {
    database = await makeDatabase(server.adminUrl);
    const env = { DATABASE_URL: database.url, SCHEMA_PREFIX: database.prefix, DATABASE_POOL_SIZE: '2' };
    [killed, other] = [AppProcess.start('api', env), AppProcess.start('api', env)];
  });
  afterEach(async () => {
    await Promise.all([killed, other].map((api) => api.kill('SIGTERM')));
    await database.drop();
  });

  it('leaves a link that another process completes it by', async () => {
    const login = { email: 'ada@example.com', password: 'correct horse battery' };
    const [url, otherUrl] = [await killed.url(), await other.url()];
    const post = (to: string, path: string, body: object, authorization = '') => {
      const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) };
      return fetch(`${to}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    };
    expect((await post(url, '/auth/sign-up', { ...login, tenantName: 'Acme' })).status).toBe(202);
    const [, token] = /#verify=([\w-]{43})/.exec(await (await fetch(url)).text())!; // its page shows the mail

    const gate = await holdTablesBack(database.url);
    const answer = post(url, '/auth/verify', { token }).catch(() => 'none');
    await until(async () => (await gate.waiting()) === 1);
    expect(await killed.kill('SIGKILL')).toBe('SIGKILL');
    expect(await answer).toBe('none');
    const tenants = () =>
      withAdmin(database.url, (client) =>
        client.query(`SELECT status FROM ${database.prefix}platform.tenant WHERE name = 'acme'`),
      );
    expect((await tenants()).rows).toEqual([{ status: 'provisioning' }]);
    await gate.open();

    expect((await post(otherUrl, '/auth/verify', { token })).status).toBe(200);
    expect((await tenants()).rows).toEqual([{ status: 'active' }]);
    const authorization = await signIn(otherUrl, login);
    const book = { identifier: 'first', name: 'N', author: 'A' };
    expect((await post(otherUrl, '/books', book, authorization)).status).toBe(201);
    const books = await fetch(`${otherUrl}/api/v1/books`, { headers: { authorization } });
    expect(await books.json()).toMatchObject({ items: [book] });
  });
});

describe('a Postgres that is killed -9 under load', () => {
  let postgres: MortalPostgres;
  let api: AppProcess;
  beforeEach(async () => (postgres = await MortalPostgres.start()));
  afterEach(async () => {
    await api.kill('SIGTERM');
    await postgres.stop();
  });

  it('makes requests fail with 503 problems, and is used again once it is back', async () => {
    api = AppProcess.start('api', { POSTGRES_DATA_DIR: postgres.dataDir, DATABASE_POOL_SIZE: '5' });
    const url = await api.url();

    const authorization = await signIn(url);
    const answers: { status: number; type: string | null }[] = [];
    const load = { goesOn: true };
    const workers = Array.from({ length: 8 }, async (_, worker) => {
      for (let n = 0; load.goesOn; n++) {
        const body = JSON.stringify({ identifier: `${worker}-${n}`, name: 'N', author: 'A' });
        const { status, headers } = await fetch(`${url}/api/v1/books`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body,
        });
        answers.push({ status, type: headers.get('content-type') });
      }
    });
    await until(() => answers.some(({ status }) => status === 201));
    await postgres.dieAndRise();
    await until(() => answers.some(({ status }) => status === 503));
    const before = answers.length;
    await until(() => answers.slice(before).some(({ status }) => status === 201));
    load.goesOn = false;
    await Promise.all(workers);

    expect(api.lines.filter((line) => line.includes('"status":500') || line.includes('"level":"error"'))).toEqual([]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 503]));
    expect(
      answers.filter(({ status, type }) => status === 503 && !type?.startsWith('application/problem+json')),
    ).toEqual([]);
    const written = answers.filter(({ status }) => status === 201).length;
    const kept = await withAdmin(postgres.url('starter_test'), (client) =>
      client.query(`SELECT count(*)::int AS n FROM t_demo.book`),
    );
    expect(kept.rows[0].n).toBeGreaterThanOrEqual(written); // whoever was told 201 is there; one whose answer was lost may be too
    expect(await api.kill('SIGTERM')).toBe(0);
  });
});

describe('a test run that is killed', () => {
  it('leaves nothing that the next run does not sweep away, and a living one keeps everything', async () => {
    const api = await startApi();
    const left = freshPrefix();
    const claimed = await claim(server.adminUrl, left);
    await claimed.query(`CREATE SCHEMA ${left}platform`);
    await claimed.query(`CREATE ROLE ${left}owner`);
    await withAdmin(server.adminUrl, (client) =>
      client.query('SELECT pg_terminate_backend($1)', [(claimed as unknown as { processID: number }).processID]),
    );

    await until(async () => {
      await sweep(server.adminUrl);
      return !(await withAdmin(server.adminUrl, prefixesIn)).includes(left);
    });
    expect(await withAdmin(server.adminUrl, prefixesIn)).toContain(api.prefix);
    await api.http.get('/api/v1/books').expect(200);
    await api.close();
    expect(await withAdmin(server.adminUrl, prefixesIn)).not.toContain(api.prefix);
  });
});

describe('a database that was not made for tests', () => {
  it('is refused', async () => {
    await expect(startApi({ DATABASE_URL: 'postgres://someone@127.0.0.1:1/production' })).rejects.toThrow(
      'name one in DATABASE_URL that ends in _test',
    );
  });
});

/** Makes whoever creates a table in this database wait until the gate is opened. */
async function holdTablesBack(url: string) {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    `CREATE FUNCTION public.wait() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); END'`,
  );
  await client.query(
    `CREATE EVENT TRIGGER gate ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.wait()`,
  );
  await client.query('SELECT pg_advisory_lock(42)');
  const count = async (query: string) => (await client.query<{ n: number }>(query)).rows[0].n;
  return {
    waiting: () =>
      count(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`,
      ),
    migrators: () =>
      count(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock%'`,
      ),
    open: async () => {
      await client.query('DROP EVENT TRIGGER gate');
      await client.end();
    },
  };
}
