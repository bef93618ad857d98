import { DataSource } from 'typeorm';
import { currentUnit, DATABASE, Database, withAdmin } from '@app/database';
import { makeDatabase, openTestDatabase, ScratchDatabase, startApi, TestApi, testSettings } from '@app/testing';
import { prepareDatabase } from './prepare-database';
import { provisionTenant } from './provisioning';

const BOOK = { identifier: '978-3-16-148410-0', name: 'N', author: 'A' };
const DENIED = { code: '42501' };
const NO_SUCH_TABLE = { code: '42P01' };

let adminUrl: string;
let server: Database;
beforeAll(async () => {
  const none = { entities: [], migrations: [] };
  server = await openTestDatabase(testSettings(), { platform: none, tenant: none }, () => undefined);
  ({ adminUrl } = server);
});
afterAll(() => server.release());

const databaseOf = (api: TestApi): Database => api.app.get<Database>(DATABASE, { strict: false });
const dataSourceOf = (api: TestApi): DataSource => api.app.get(DataSource, { strict: false });
const inUnit = (api: TestApi, statement: string): Promise<any[]> =>
  api.inTenant(() => currentUnit().manager.query(statement));

/** What must hold wherever the roles are made as they should. */
function failsClosed(running: () => TestApi): void {
  const table = (tenant: string, name = 'book') => `${running().prefix}t_${tenant}.${name}`;

  it('reads and writes inside a unit of work', async () => {
    const api = running();
    await api.http.post('/api/v1/books').send(BOOK).expect(201);
    expect(await inUnit(api, 'SELECT identifier FROM book')).toEqual([{ identifier: BOOK.identifier }]);
    const [{ role, login }] = await inUnit(api, 'SELECT current_user AS role, session_user AS login');
    expect({ role, login }).toEqual({ role: `${api.prefix}t_demo_role`, login: databaseOf(api).names.app });
  });

  it('finds no table outside of one', async () => {
    const api = running();
    await expect(dataSourceOf(api).query('SELECT * FROM book')).rejects.toMatchObject(NO_SUCH_TABLE);
    await expect(dataSourceOf(api).query('SELECT * FROM tenant')).rejects.toMatchObject(NO_SUCH_TABLE);
    expect(await dataSourceOf(api).query('SHOW search_path')).toEqual([{ search_path: '""' }]);
  });

  it('may not look into a schema without taking its role', async () => {
    const ask = (text: string) => dataSourceOf(running()).query(text);
    await expect(ask(`SELECT * FROM ${table('demo')}`)).rejects.toMatchObject(DENIED);
    await expect(ask(`INSERT INTO ${table('demo', 'critic')} DEFAULT VALUES`)).rejects.toMatchObject(DENIED);
  });

  it.each([
    ["reading another tenant's table", () => `SELECT * FROM ${table('other')}`],
    ["emptying another tenant's table", () => `DELETE FROM ${table('other')}`],
    ['reading who the tenants are', () => `SELECT * FROM ${running().prefix}platform.tenant`],
    ['changing the state of a tenant', () => `UPDATE ${running().prefix}platform.tenant SET status = 'active'`],
    ["reading the platform's migrations", () => `SELECT * FROM ${running().prefix}platform.migrations`],
    ['adding to its own migrations', () => `INSERT INTO migrations (timestamp, name) VALUES (1, 'x')`],
    ['deleting from its own migrations', () => 'DELETE FROM migrations'],
    ['making a table in its own schema', () => 'CREATE TABLE mine (id int)'],
    ['altering a table in its own schema', () => 'ALTER TABLE book ADD COLUMN mine int'],
    ['truncating a table in its own schema', () => 'TRUNCATE book CASCADE'],
    ['dropping its own schema', () => `DROP SCHEMA ${running().prefix}t_demo CASCADE`],
  ])("refuses a tenant's unit of work: %s", async (_what, statement) => {
    await expect(inUnit(running(), statement())).rejects.toMatchObject(DENIED);
  });

  it('never serves as a superuser, and holds no power over other roles', async () => {
    const api = running();
    const rows = await withAdmin(adminUrl, async (client) => {
      const found = await client.query(
        `SELECT DISTINCT usename AS name, rolsuper OR rolcreaterole OR rolbypassrls AS powers
           FROM pg_stat_activity JOIN pg_roles ON rolname = usename
          WHERE application_name = 'starter' AND usename = $1`,
        [databaseOf(api).names.app],
      );
      return found.rows;
    });
    expect(rows).toEqual([{ name: databaseOf(api).names.app, powers: false }]);
    expect(await dataSourceOf(api).query(`SELECT rolname FROM pg_roles r WHERE pg_has_role(r.oid, 'USAGE')`)).toEqual([
      { rolname: databaseOf(api).names.app },
    ]);
  });
}

describe('An installation made by a superuser', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
    await provisionTenant(databaseOf(api), 'other');
  });
  afterAll(() => api.close());

  failsClosed(() => api);
});

/** A database of its own, and the APIs that serve it. */
class House {
  private readonly running: TestApi[] = [];
  private constructor(private readonly scratch: ScratchDatabase) {}

  static async build(): Promise<House> {
    return new House(await makeDatabase(adminUrl));
  }

  get adminUrl(): string {
    return this.scratch.url;
  }
  get name(): string {
    return new URL(this.adminUrl).pathname.slice(1);
  }

  async open(env: NodeJS.ProcessEnv): Promise<TestApi> {
    const api = await startApi({ SCHEMA_PREFIX: this.scratch.prefix, ...env });
    this.running.push(api);
    return api;
  }

  /** What a boot does before it serves; gives what it announced. */
  async startAgain(api: TestApi, env: NodeJS.ProcessEnv): Promise<string[]> {
    const lines: string[] = [];
    const settings = testSettings({ SCHEMA_PREFIX: this.scratch.prefix, ...env });
    await prepareDatabase(settings, databaseOf(api).sets, (line) => lines.push(line));
    return lines;
  }

  urlFor(login: string, password: string): string {
    const url = new URL(this.scratch.url);
    [url.username, url.password] = [this.scratch.prefix + login, password];
    return url.href;
  }

  /** Runs statements as the superuser, P_ standing for the prefix. */
  query(statements: string): Promise<any[]> {
    const text = statements.replaceAll('P_', this.scratch.prefix);
    return withAdmin(this.scratch.url, async (client) => (await client.query(text)).rows);
  }

  async roles(): Promise<string[]> {
    const rows = await this.query(`SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'P_') ORDER BY 1`);
    return rows.map(({ rolname }) => rolname.slice(this.scratch.prefix.length));
  }

  async end(): Promise<void> {
    for (const api of this.running) await api.app.close();
    await this.scratch.drop();
  }
}

describe('An installation made by a login that may create roles and schemas, and no more', () => {
  let house: House;
  let api: TestApi;
  beforeAll(async () => {
    house = await House.build();
    await house.query(
      `CREATE ROLE P_boss LOGIN CREATEROLE PASSWORD 'x'; GRANT CREATE ON DATABASE ${house.name} TO P_boss`,
    );
    api = await house.open({ DATABASE_URL: house.urlFor('boss', 'x') });
    await provisionTenant(databaseOf(api), 'other');
  });
  afterAll(() => house.end());

  failsClosed(() => api);

  it('starts again on what is there', async () => {
    const lines = await house.startAgain(api, { DATABASE_URL: house.urlFor('boss', 'x') });
    expect(lines).toEqual([]); // nothing was to be done
  });
});

describe('DATABASE_URL with a login of its own beside DATABASE_ADMIN_URL', () => {
  let house: House;
  let api: TestApi;
  const urls = (password: string) => ({
    DATABASE_URL: house.urlFor('mine', password),
    DATABASE_ADMIN_URL: house.adminUrl,
  });
  beforeAll(async () => {
    house = await House.build();
    api = await house.open(urls('first'));
    await provisionTenant(databaseOf(api), 'other');
  });
  afterAll(() => house.end());

  failsClosed(() => api);

  it('makes that login, and no other for the application', async () => {
    expect(await house.roles()).toEqual(['eraser', 'mine', 'owner', 't_demo_role', 't_other_role']);
  });

  it('starts with a new password after it was changed', async () => {
    await house.startAgain(api, urls('second'));
    await withAdmin(urls('second').DATABASE_URL, (client) => client.query('SELECT 1'));
  });
});

describe('TENANT_ROLES=off', () => {
  let house: House;
  let api: TestApi;
  beforeAll(async () => {
    house = await House.build();
    await house.query(`CREATE ROLE P_plain LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE ${house.name} TO P_plain`);
    api = await house.open({ DATABASE_URL: house.urlFor('plain', 'x'), TENANT_ROLES: 'off' });
    await provisionTenant(databaseOf(api), 'other');
  });
  afterAll(() => house.end());

  it('serves without creating a role', async () => {
    await api.http.post('/api/v1/books').send(BOOK).expect(201);
    const [{ role, path }] = await inUnit(api, `SELECT current_user AS role, current_setting('search_path') AS path`);
    expect({ role, path }).toEqual({ role: `${api.prefix}plain`, path: `${api.prefix}t_demo` });
    expect(await house.roles()).toEqual(['plain']);
  });

  it('finds no table outside a unit of work, on any connection', async () => {
    const dataSource = dataSourceOf(api);
    const looks = Array.from({ length: 8 }, () => dataSource.query('SELECT * FROM book'));
    for (const look of looks) await expect(look).rejects.toMatchObject(NO_SUCH_TABLE);
    expect(await dataSource.query('SHOW search_path')).toEqual([{ search_path: '""' }]);
  });

  it('sees the books of one tenant only', async () => {
    await house.query(`INSERT INTO P_t_other.book (id, identifier, name, author, version)
                       VALUES (gen_random_uuid(), 'of another', 'N', 'A', 1)`);
    const { body } = await api.http.get('/api/v1/books').expect(200);
    expect(body.items.map(({ identifier }: typeof BOOK) => identifier)).toEqual([BOOK.identifier]);
  });
});
