import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { provisionTenant } from './provisioning';
import { CuttingProxy } from './test/cutting-proxy';
import { admin, database, entry, FIRST, folder, SECOND, things, usePremises, write } from './test/premises';

usePremises(() => {
  write(FIRST, 'CREATE TABLE thing (id int, name text)');
  // Waits where a test holds the lock of that schema; builds what cannot be built in a transaction.
  write(
    SECOND,
    'SELECT pg_advisory_xact_lock_shared(hashtext(current_schema()))',
    'CREATE UNIQUE INDEX CONCURRENTLY thing_id ON thing (id)',
  );
});

const register = (name: string) =>
  admin.query(
    `INSERT INTO ${database.names.platform}.tenant (id, name, title, schema_name, role_name, version) VALUES (gen_random_uuid(), $1, $1, $2, $3, 1)`,
    [name, database.names.tenantSchema(name), database.names.tenantRole(name)],
  );

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
    await provisionTenant(database, 'new', 'Newcomers & Sons');
    expect(await entry('new')).toEqual({
      title: 'Newcomers & Sons',
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

  it.each(['', 'x'.repeat(101)])('refuses the title "%s", and makes nothing', async (title) => {
    await expect(provisionTenant(database, 'untitled', title)).rejects.toThrow('is one line of 1 to 100 characters');
    expect(await entry('untitled')).toBeUndefined();
  });

  it('takes any 100 characters as a title, and its name when there is none', async () => {
    const title = `O'Brien "🦊" \\ ${'ß'.repeat(100)}`.slice(0, 101); // a fox is two of JavaScript's characters
    await provisionTenant(database, 'titled', title);
    await provisionTenant(database, 'plain');
    expect([...title]).toHaveLength(100);
    expect([(await entry('titled'))?.title, (await entry('plain'))?.title]).toEqual([title, 'plain']);
  });

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
    let proxy: CuttingProxy;
    beforeAll(async () => {
      proxy = await CuttingProxy.open(database);
    });
    afterAll(() => proxy.close());

    it('finds all or nothing, wherever it was cut', async () => {
      const states = new Set<string>();
      for (let passes = 2, done = false; !done; passes += 5) {
        const name = `cut${passes}`;
        done = await provisionTenant(proxy.after(passes, database), name).then(
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
