import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { AddressInfo, connect, createServer, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { Database, MigrationSets, newestMigration, removeInstallation } from '@app/database';
import { claim, freshPrefix, openTestDatabase, startApi, TestApi, testSettings } from '@app/testing';
import { migrateAll } from './migrate-all';
import { provisionTenant } from './provisioning';
import { Readiness } from './readiness';
import { TenantsService } from './tenants.service';

const FIRST = 1_800_000_000_001;
const SECOND = 1_800_000_000_002;
const silently = () => undefined;

let folder: string;
let database: Database;
let admin: Client;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  write(FIRST, 'CREATE TABLE thing (id int, name text)');
  // Waits where a test holds the lock of that schema; builds what cannot be built in a transaction.
  write(
    SECOND,
    'SELECT pg_advisory_xact_lock_shared(hashtext(current_schema()))',
    'CREATE UNIQUE INDEX CONCURRENTLY thing_id ON thing (id)',
  );

  const settings = testSettings({ SCHEMA_PREFIX: freshPrefix() });
  database = await openTestDatabase(settings, release(SECOND), silently);
  admin = await claim(database.adminUrl, database.names.prefix);
  await migrateAll(of(FIRST), silently);
});
afterAll(async () => {
  await removeInstallation(admin, database.names.prefix);
  await admin.end();
  await database.release();
  rmSync(folder, { recursive: true });
});

/** A migration of tenants that runs `statements`, none of them in a transaction of TypeORM's where one is CONCURRENTLY. */
function write(timestamp: number, ...statements: string[]): void {
  const transaction = statements.some((text) => text.includes('CONCURRENTLY')) ? 'transaction = false;' : '';
  const queries = statements.map((text) => `await runner.query(${JSON.stringify(text)});`).join('\n');
  const text = `exports.Change${timestamp} = class Change${timestamp} { ${transaction} async up(runner) { ${queries} } async down() {} };`;
  writeFileSync(join(folder, `${timestamp}-change.js`), text);
}

/** What a release consists of whose newest migration of tenants is `last`. */
const release = (last: number): MigrationSets => ({
  platform: { entities: [], migrations: [join(__dirname, 'migrations/*.ts')] },
  tenant: { entities: [], migrations: [FIRST, SECOND].filter((t) => t <= last).map((t) => join(folder, `${t}-*.js`)) },
});
const of = (last: number): Database => ({ ...database, sets: release(last) });

interface Entry {
  status: string;
  migratedTo: string;
  error: string | null;
  schema: string;
  role: string | null;
  version: number;
}

/** What the registry says of a tenant. */
async function entry(name: string): Promise<Entry | undefined> {
  const { rows } = await admin.query<Entry>(
    `SELECT status, migrated_to AS "migratedTo", error, schema_name AS schema, role_name AS role, version
       FROM ${database.names.platform}.tenant WHERE name = $1`,
    [name],
  );
  return rows[0];
}
const register = (name: string) =>
  admin.query(
    `INSERT INTO ${database.names.platform}.tenant (id, name, schema_name, role_name, version) VALUES (gen_random_uuid(), $1, $2, $3, 1)`,
    [name, database.names.tenantSchema(name), database.names.tenantRole(name)],
  );

/** What there is of a tenant: its schema's tables and indexes, and its role. */
async function things(name: string): Promise<string[]> {
  const { rows } = await admin.query<{ thing: string }>(
    `SELECT relname AS thing FROM pg_class WHERE relnamespace = to_regnamespace($1)
      UNION ALL SELECT 'the schema' FROM pg_namespace WHERE nspname = $1
      UNION ALL SELECT 'the role' FROM pg_roles WHERE rolname = $2 ORDER BY 1`,
    [database.names.tenantSchema(name), database.names.tenantRole(name)],
  );
  return rows.map(({ thing }) => thing).filter((thing) => !/^migrations_|^pk_/.test(thing));
}
const WHOLE = ['migrations', 'the role', 'the schema', 'thing', 'thing_id'];

/** That `name` is a tenant to be served, as the application sees it. */
async function expectWhole(name: string): Promise<void> {
  expect(await entry(name)).toMatchObject({ status: 'active', migratedTo: String(SECOND), error: null });
  expect(await things(name)).toEqual(WHOLE);
  const client = new Client({ connectionString: database.appUrl });
  await client.connect();
  try {
    await client.query(
      `START TRANSACTION; SET LOCAL search_path TO ${database.names.tenantSchema(name)}; SET LOCAL ROLE ${database.names.tenantRole(name)}`,
    );
    await client.query('INSERT INTO thing (id) VALUES (1)');
    await expect(client.query('SELECT * FROM migrations')).rejects.toMatchObject({ code: '42501' });
    await client.query('ROLLBACK');
  } finally {
    await client.end();
  }
}

describe('provisionTenant', () => {
  it('makes a schema, a role, the tables and an active entry in the registry', async () => {
    await provisionTenant(database, 'new');
    expect(await entry('new')).toEqual({
      status: 'active',
      migratedTo: String(SECOND),
      error: null,
      schema: `${database.names.prefix}t_new`,
      role: `${database.names.prefix}t_new_role`,
      version: 2,
    });
    await expectWhole('new');
  });

  it('builds at once what a migration builds CONCURRENTLY, for nobody uses the schema yet', async () => {
    await provisionTenant(database, 'indexed');
    const { rows } = await admin.query(
      `SELECT indisvalid AS valid, indisunique AS unique FROM pg_index WHERE indexrelid = '${database.names.prefix}t_indexed.thing_id'::regclass`,
    );
    expect(rows).toEqual([{ valid: true, unique: true }]);
  });

  it('leaves a tenant alone that is there, whatever its state', async () => {
    await provisionTenant(database, 'settled');
    await admin.query(`UPDATE ${database.names.platform}.tenant SET status = 'suspended' WHERE name = 'settled'`);
    const before = await entry('settled');
    await provisionTenant(database, 'settled');
    expect(await entry('settled')).toEqual(before);
  });

  it.each(['', 'Upper', 'with-dash', 'a b', `a"b`, `a'; DROP TABLE thing; --`, 'ä', 'x'.repeat(41)])(
    'refuses the name "%s", and makes nothing',
    async (name) => {
      await expect(provisionTenant(database, name)).rejects.toThrow('cannot name a tenant');
      expect(await entry(name)).toBeUndefined();
    },
  );

  it('takes a name of 40 letters', async () => {
    const name = 'l'.repeat(40);
    await provisionTenant(database, name);
    await expectWhole(name);
  });

  it('makes many at once, and one that many ask for', async () => {
    const names = ['many1', 'many2', 'many3', 'same', 'same', 'same'];
    await Promise.all(names.map((name) => provisionTenant(database, name)));
    for (const name of new Set(names)) await expectWhole(name);
  });

  it('leaves nothing but the entry when a migration fails', async () => {
    const broken = join(folder, '1800000000003-change.js');
    write(1_800_000_000_003, 'CREATE TABLE more (id int)', 'SELECT 1/0');
    try {
      const sets = { ...database.sets, tenant: { entities: [], migrations: [join(folder, '*.js')] } };
      await expect(provisionTenant({ ...database, sets }, 'unlucky')).rejects.toThrow('division by zero');
    } finally {
      rmSync(broken);
    }
    expect(await things('unlucky')).toEqual([]);
    expect(await entry('unlucky')).toMatchObject({ status: 'provisioning', migratedTo: '0' });
    await provisionTenant(database, 'unlucky');
    await expectWhole('unlucky');
  });
});

describe('provisionTenant, after a process that ended in the middle', () => {
  const LEFT: [string, (schema: string, role: string) => string][] = [
    ['only the entry', () => 'SELECT'],
    ['the role', (_schema, role) => `CREATE ROLE ${role}`],
    ['the schema', (schema) => `CREATE SCHEMA ${schema} AUTHORIZATION ${database.names.owner}`],
    [
      'role, schema and rights',
      (schema, role) =>
        `CREATE ROLE ${role}; GRANT ${role} TO ${database.names.app} WITH INHERIT FALSE, SET TRUE;
         CREATE SCHEMA ${schema} AUTHORIZATION ${database.names.owner}; GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    ],
  ];
  it.each(LEFT)('completes what it finds: %s', async (what, statements) => {
    const name = `left${LEFT.findIndex(([one]) => one === what)}`;
    await register(name);
    await admin.query(statements(database.names.tenantSchema(name), database.names.tenantRole(name)));
    await provisionTenant(database, name);
    await expectWhole(name);
  });

  it('completes a tenant whose tables are all there', async () => {
    await provisionTenant(database, 'almost');
    await admin.query(
      `UPDATE ${database.names.platform}.tenant SET status = 'provisioning', migrated_to = 0 WHERE name = 'almost'`,
    );
    await provisionTenant(database, 'almost');
    await expectWhole('almost');
  });

  it('finds nothing half made by one killed in a migration, and starts over', async () => {
    const schema = database.names.tenantSchema('killed');
    await admin.query('SELECT pg_advisory_lock(hashtext($1))', [schema]);
    const killed = expect(provisionTenant(database, 'killed')).rejects.toThrow('terminating connection');
    let pids: number[] = [];
    while (!pids.length) {
      const { rows } = await admin.query<{ pid: number }>(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = hashtext($1)::bigint::bit(32)::bigint::oid`,
        [schema],
      );
      pids = rows.map(({ pid }) => pid);
    }
    await admin.query('SELECT pg_terminate_backend($1, 5000)', [pids[0]]);
    await killed;
    await admin.query('SELECT pg_advisory_unlock(hashtext($1))', [schema]);

    expect(await things('killed')).toEqual([]);
    expect(await entry('killed')).toMatchObject({ status: 'provisioning', migratedTo: '0' });
    await provisionTenant(database, 'killed');
    await expectWhole('killed');
  });

  describe('whose connection was cut', () => {
    let proxy: Server;
    let left: number; // messages that still pass
    beforeAll(async () => {
      const { hostname, port } = new URL(database.adminUrl);
      proxy = createServer((near) => {
        const far = connect(Number(port || 5432), hostname);
        const cut = () => [near, far].forEach((socket) => socket.destroy());
        near
          .on('data', (data) => (left-- > 0 ? far.write(data) : cut()))
          .on('error', cut)
          .on('close', cut);
        far
          .on('data', (data) => near.write(data))
          .on('error', cut)
          .on('close', cut);
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => new Promise((resolve) => proxy.close(resolve)));

    it('finds all or nothing, wherever it was cut', async () => {
      const url = new URL(database.adminUrl);
      [url.hostname, url.port] = ['127.0.0.1', String((proxy.address() as AddressInfo).port)];
      const throughProxy = { ...database, adminUrl: url.href };
      const states = new Set<string>();
      for (let passes = 2, done = false; !done; passes += 5) {
        const name = `cut${passes}`;
        left = passes;
        done = await provisionTenant(throughProxy, name).then(
          () => true,
          () => false,
        );
        const status = (await entry(name))?.status ?? 'not registered';
        states.add(status);
        if (status !== 'active') expect(await things(name)).toEqual([]);
        if (!done) await provisionTenant(database, name);
        await expectWhole(name);
      }
      expect([...states]).toEqual(expect.arrayContaining(['not registered', 'provisioning', 'active']));
    });
  });
});

describe('migrateAll', () => {
  it('sets a tenant aside whose migration fails, migrates all others, and takes it back when it can', async () => {
    for (const name of ['good1', 'bad', 'good2']) await provisionTenant(of(FIRST), name);
    await admin.query(`INSERT INTO ${database.names.tenantSchema('bad')}.thing VALUES (1, 'a'), (1, 'b')`);

    const lines: string[] = [];
    await migrateAll(database, (line) => lines.push(line));
    expect(await entry('bad')).toMatchObject({
      status: 'migration_failed',
      migratedTo: String(FIRST),
      error: expect.stringContaining('could not create unique index "thing_id"'),
    });
    for (const name of ['good1', 'good2', 'demo']) {
      expect(await entry(name)).toMatchObject({ status: 'active', migratedTo: String(SECOND) });
      expect(await things(name)).toContain('thing_id');
    }
    expect(lines).toContainEqual(
      expect.stringMatching(/^Set tenant bad aside, its migration failed: could not create/),
    );
    expect(lines).toContainEqual(`Migrated tenant good1: Change${SECOND}.`);

    await admin.query(
      `DELETE FROM ${database.names.tenantSchema('bad')}.thing; DROP INDEX ${database.names.tenantSchema('bad')}.thing_id`,
    );
    const again: string[] = [];
    await migrateAll(database, (line) => again.push(line));
    expect(again).toEqual([`Migrated tenant bad: Change${SECOND}.`]);
    await expectWhole('bad');
  });

  it('has an index that is built beside the writers wait for those before it, longer than for any lock', async () => {
    await provisionTenant(of(FIRST), 'patient');
    const schema = database.names.tenantSchema('patient');
    await admin.query(`BEGIN; LOCK TABLE ${schema}.thing IN ROW EXCLUSIVE MODE`);
    const lines: string[] = [];
    const migrating = migrateAll(database, (line) => lines.push(line));
    const waiting = `SELECT FROM pg_stat_activity a JOIN pg_locks l USING (pid) JOIN pg_namespace n ON n.nspname = '${schema}'
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'thing_id'
      WHERE a.query LIKE '%INDEX CONCURRENTLY%' AND NOT l.granted AND clock_timestamp() - a.query_start > interval '3.5 s'`;
    while (!(await admin.query(waiting)).rows.length);
    await admin.query('COMMIT');
    await migrating;
    expect(lines).toEqual([`Migrated tenant patient: Change${SECOND}.`]);
    await expectWhole('patient');
  });

  it('runs nothing and writes nothing when there is nothing to do', async () => {
    await migrateAll(database, silently);
    const written = async () => {
      const { rows } = await admin.query(
        `SELECT name, xmin::text FROM ${database.names.platform}.tenant
          UNION ALL SELECT name, xmin::text FROM ${database.names.platform}.migrations
          UNION ALL SELECT name, xmin::text FROM ${database.names.tenantSchema('demo')}.migrations
          UNION ALL SELECT nspname, xmin::text FROM pg_namespace WHERE starts_with(nspname, '${database.names.prefix}')
          ORDER BY 1, 2`,
      );
      return rows;
    };
    const before = await written();
    const lines: string[] = [];
    await migrateAll(database, (line) => lines.push(line));
    expect(lines).toEqual([]);
    expect(await written()).toEqual(before);
  });

  it('runs each migration once, however many start at the same time', async () => {
    await provisionTenant(of(FIRST), 'once');
    const lines: string[] = [];
    await Promise.all([1, 2, 3].map(() => migrateAll(database, (line) => lines.push(line))));
    expect(lines).toEqual([`Migrated tenant once: Change${SECOND}.`]);
  });
});

describe('Readiness', () => {
  let dataSource: DataSource;
  beforeAll(async () => {
    await migrateAll(database, silently);
    dataSource = new DataSource({ type: 'postgres', url: database.appUrl, poolSize: 1 });
    await dataSource.initialize(); // as the application: it must be allowed to ask
  });
  afterAll(() => dataSource.destroy());
  const obstacle = (sets: MigrationSets) => new Readiness({ ...database, sets }, dataSource).obstacle();

  it('sees no obstacle when every schema is what the release expects', async () => {
    expect(await obstacle(database.sets)).toBeUndefined();
  });

  it('sees none in schemas that are ahead', async () => {
    const nothing = { entities: [], migrations: [] };
    expect(await obstacle({ platform: nothing, tenant: nothing })).toBeUndefined();
  });

  it('says that the platform is behind', async () => {
    const platform = { entities: [], migrations: [join(folder, '*.js')] };
    expect(await obstacle({ ...database.sets, platform })).toBe(
      "The platform's schema is behind this release: run the migrations.",
    );
  });

  it('says how many tenants are behind, not counting those that are not served', async () => {
    const table = `${database.names.platform}.tenant`;
    await admin.query(`UPDATE ${table} SET status = 'suspended' WHERE name NOT IN ('demo', 'new', 'bad')`);
    await admin.query(`UPDATE ${table} SET status = 'migration_failed' WHERE name = 'bad'`);
    write(1_800_000_000_004, 'SELECT 1');
    const tenant = { entities: [], migrations: [join(folder, '*.js')] };
    expect(newestMigration(tenant)).toBe(1_800_000_000_004);
    expect(await obstacle({ ...database.sets, tenant })).toBe('2 tenants are behind this release: run the migrations.');
  });

  it('throws when the database cannot be asked', async () => {
    const none = new DataSource({ type: 'postgres', url: database.appUrl });
    await expect(new Readiness(database, none).obstacle()).rejects.toThrow();
  });
});

describe('A request', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());
  afterEach(() => jest.restoreAllMocks());

  const set = (status: string) => admin.query(`UPDATE ${api.prefix}platform.tenant SET status = $1`, [status]);
  const fiveSecondsLater = () => {
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + 5_001);
  };
  /** As after a while in which nothing was asked. */
  const forgetting = async (status: string) => {
    await set(status);
    fiveSecondsLater();
    const answer = await api.http.get('/api/v1/books');
    return { status: answer.status, type: answer.type, code: answer.body.code, detail: answer.body.detail };
  };

  it.each([
    ['suspended', 403, 'tenant_suspended', 'Tenant demo is suspended.'],
    ['migration_failed', 503, 'tenant_migration_failed', 'Tenant demo cannot be served at the moment.'],
    ['provisioning', 503, 'tenant_provisioning', 'Tenant demo cannot be served at the moment.'],
    ['deleting', 404, 'not_found', 'Tenant demo does not exist.'],
  ])('of a tenant that is %s is answered %i', async (status, expected, code, detail) => {
    jest.restoreAllMocks();
    await set('active');
    Reflect.get(api.app.get(TenantsService, { strict: false }), 'remembered').clear();
    await api.http.get('/api/v1/books').expect(200);

    await set(status);
    await api.http.get('/api/v1/books').expect(200); // remembered, for five seconds at most
    expect(await forgetting(status)).toEqual({ status: expected, type: 'application/problem+json', code, detail });
  });
});
