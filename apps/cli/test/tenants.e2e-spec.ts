import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Database, migrationNames, withAdmin } from '@app/database';
import { makeDatabase, openTestDatabase, ScratchDatabase, testSettings } from '@app/testing';
import { migrationSets } from '../../../ormconfig';
import { CLI, runProgram } from './run-program';

let server: Database;
let database: ScratchDatabase;
let folder: string;
const tenants = (...args: string[]) => runProgram(database, CLI, ['tenants', ...args]);
const inFolder = (file: string) => join(folder, file);
const sql = (text: string) => withAdmin(database.url, (client) => client.query(text));

beforeAll(async () => {
  server = await openTestDatabase(testSettings(), migrationSets, () => undefined);
  database = await makeDatabase(server.adminUrl);
  folder = await mkdtemp(join(tmpdir(), 'tenants-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await database.drop();
  await server.release();
});

const migrations = migrationNames(migrationSets.tenant);
const newest = migrations.at(-1)!;

describe('npm run cli -- tenants', () => {
  it.each([[[]], [['destroy']], [['constructor']]])(
    'shows its commands and fails when it is given %j',
    async (args) => {
      const { code, stdout, stderr } = await tenants(...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain('Usage: npm run cli -- tenants COMMAND');
      for (const name of 'create list status suspend resume delete export import migrate'.split(' '))
        expect(stderr).toMatch(new RegExp(`^ {2}${name} .*  \\S`, 'm'));
    },
  );

  it('has every command that the guide shows', async () => {
    const { stderr } = await tenants();
    const guide = await readFile('docs/tenants.md', 'utf8');
    const shown = new Set([...guide.matchAll(/tenants ([a-z]+)(?: acme| "|`|$)/gm)].map(([, name]) => name));
    expect([...shown].toSorted()).toEqual('create delete export import list migrate resume status suspend'.split(' '));
    for (const name of shown) expect(stderr).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });

  it('says what to type where nothing has been migrated', async () => {
    const { code, said } = await tenants('list');
    expect({ code, said }).toEqual({
      code: 1,
      said: 'There is no registry of tenants for this release yet: type npm run cli -- migrate first.\n',
    });
  });

  it('migrates', async () => {
    const { code, said } = await tenants('migrate');
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('Migrated the platform: Create') });
  });

  it('makes a tenant, and refuses to make it twice', async () => {
    expect(await tenants('create', 'acme', '--title', 'Acme & Söhne')).toMatchObject({
      code: 0,
      said: 'Made the tenant acme.\n',
    });
    expect(await tenants('create', 'acme')).toMatchObject({
      code: 1,
      said: 'There is already a tenant called acme.\n',
    });
    expect(await tenants('create', 'Acme')).toMatchObject({
      code: 1,
      said: expect.stringContaining('cannot name a tenant'),
    });
    expect(await tenants('create')).toMatchObject({ code: 1, said: expect.stringContaining('Name the tenant') });
  });

  it('completes a tenant that is half made', async () => {
    const table = `${database.prefix}platform.tenant`;
    await sql(
      `INSERT INTO ${table} (id, name, title, schema_name, version)
        VALUES (gen_random_uuid(), 'half', 'Half', '${database.prefix}t_half', 1)`,
    );
    expect(await tenants('create', 'half')).toMatchObject({ code: 0 });
    expect((await tenants('list')).stdout).toMatch(/^half {2,}Half {2,}active/m);
    await tenants('delete', 'half', '--yes');
  });

  it('lists them', async () => {
    expect(await tenants('list')).toMatchObject({
      code: 0,
      stdout: ['NAME  TITLE         STATUS  CLUSTER', 'acme  Acme & Söhne  active  main', ''].join('\n'),
    });
  });

  it('suspends and resumes one', async () => {
    expect(await tenants('suspend', 'acme')).toMatchObject({ code: 0, said: 'Suspended the tenant acme.\n' });
    expect((await tenants('list')).stdout).toMatch(/^acme .* suspended/m);
    expect(await tenants('resume', 'acme')).toMatchObject({ code: 0, said: 'Resumed the tenant acme.\n' });
    expect(await tenants('resume', 'nobody')).toMatchObject({
      code: 1,
      said: 'There is no tenant called nobody.\n',
    });
  });

  it('shows who stands where, and what went wrong', async () => {
    await sql(
      `UPDATE ${database.prefix}platform.tenant
          SET status = 'migration_failed', error = E'relation "x"\n already exists', migrated_to = ${Number.parseInt(migrations[1], 10)}
        WHERE name = 'acme'`,
    );
    const { stdout } = await tenants('status');
    const [first, ...rest] = stdout.trimEnd().split('\n');
    expect(first).toBe(`Newest migration: ${newest}.`);
    expect(rest.map((line) => line.split(/ {2,}/))).toEqual([
      ['NAME', 'STATUS', 'MIGRATED TO', 'BEHIND', 'ERROR'],
      ['acme', 'migration_failed', migrations[1], String(migrations.length - 2), 'relation "x" already exists'],
    ]);
    expect((await tenants('migrate')).stdout).toBe('Migrated tenant acme: nothing was pending.\n');
  });
});

describe('npm run cli -- tenants export and import', () => {
  beforeAll(async () => {
    const schema = `${database.prefix}t_acme`;
    await sql(
      `INSERT INTO ${schema}.book (id, identifier, name, author, version) SELECT gen_random_uuid(), n, E'line\n' || n, 'A', 1 FROM generate_series(1, 20) n;
       INSERT INTO ${schema}.critic (id, username, version, deleted_at) VALUES (gen_random_uuid(), 'gone', 3, now());
       INSERT INTO ${schema}.review_versions (id, title, critic_id, book_id, rating, version)
         SELECT gen_random_uuid(), 'T', c.id, b.id, 5, 1 FROM ${schema}.critic c, ${schema}.book b`,
    );
  });
  const rows = async (tenant: string) =>
    (
      await sql(`SELECT b::text || c::text || r::text AS row FROM ${database.prefix}t_${tenant}.book b
       JOIN ${database.prefix}t_${tenant}.review r ON b.id = book_id JOIN ${database.prefix}t_${tenant}.critic c ON c.id = critic_id ORDER BY 1`)
    ).rows;

  it('bring a tenant over by a file that only its owner may read', async () => {
    const file = inFolder('acme.ndjson');
    const { code, stdout, stderr } = await tenants('export', 'acme', '--file', file);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: `Exported the tenant acme to ${file}.\n` });
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    const imported = await tenants('import', 'beta', '--file', file, '--title', 'Beta');
    expect(imported).toMatchObject({ code: 0, said: `Imported the tenant beta from ${file}.\n` });
    expect(await rows('beta')).toEqual(await rows('acme'));
    expect(await rows('beta')).toHaveLength(20);
    expect((await tenants('list')).stdout).toMatch(/^beta {2,}Beta {2,}active/m);
  });

  it('write nothing but the archive to the output', async () => {
    const { stdout, stderr } = await tenants('export', 'acme');
    expect(stderr).toBe('Exported the tenant acme.\n');
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line))[0])).toEqual(
      expect.arrayContaining(['format', 'table', 'end']),
    );
    expect(JSON.parse(lines.at(-1)!)).toEqual({ end: { rows: 41 + 20 + 21 } });
  });

  it('overwrite no file, and leave none of a tenant that does not exist', async () => {
    const file = inFolder('precious.txt');
    await writeFile(file, 'precious');
    expect(await tenants('export', 'acme', '--file', file)).toMatchObject({
      code: 1,
      said: `There is a file ${file} already: name another, or delete it.\n`,
    });
    expect(await readFile(file, 'utf8')).toBe('precious');
    expect(await tenants('export', 'nobody', '--file', inFolder('nobody.ndjson'))).toMatchObject({ code: 1 });
    expect(await readdir(folder)).toEqual(['acme.ndjson', basename(file)]);
  });

  it('refuse a file that is cut off, missing or not named, and make no tenant', async () => {
    const whole = await readFile(inFolder('acme.ndjson'));
    await writeFile(inFolder('half.ndjson'), whole.subarray(0, whole.length / 2));
    expect(await tenants('import', 'gamma', '--file', inFolder('half.ndjson'))).toMatchObject({
      code: 1,
      said: expect.stringMatching(/^(Line \d+ of the archive cannot be read|The archive is cut off)/),
    });
    expect(await tenants('import', 'gamma', '--file', inFolder('none'))).toMatchObject({
      code: 1,
      said: expect.stringContaining('cannot be read: ENOENT'),
    });
    expect(await tenants('import', 'gamma')).toMatchObject({
      code: 1,
      said: 'Say what to import: --file FILE.\n',
    });
    expect((await tenants('list')).stdout).not.toContain('gamma');
  });
});

describe('npm run cli -- tenants delete', () => {
  it('says what to type when it is not sure', async () => {
    expect(await tenants('delete', 'acme')).toMatchObject({
      code: 1,
      said: expect.stringContaining('npm run cli -- tenants delete acme --yes'),
    });
    expect((await tenants('list')).stdout).toContain('acme');
  });

  it('deletes a tenant', async () => {
    expect(await tenants('delete', 'acme', '--yes')).toMatchObject({ code: 0, said: 'Deleted the tenant acme.\n' });
    expect((await tenants('list')).stdout).not.toContain('acme');
    const { rows } = await sql(
      `SELECT nspname AS left FROM pg_namespace WHERE nspname LIKE '%t_acme' UNION ALL SELECT rolname FROM pg_roles WHERE rolname = '${database.prefix}t_acme_role'`,
    );
    expect(rows).toEqual([]);
  });
});
