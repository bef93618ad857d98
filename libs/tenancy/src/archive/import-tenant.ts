import type { ClientBase } from 'pg';
import { escapeIdentifier as quote } from 'pg';
import { QueryRunner } from 'typeorm';
import { Database, newestMigration, newId, whileRolesRace, withDataSource } from '@app/database';
import { Follow } from '../follow';
import { makeSchema, makeTables } from '../provisioning';
import { checkTitle, registryOf } from '../registry';
import { BadArchive, TenantConflict } from '../tenant-errors';
import { archivedTables, SPELLING } from './contents';
import { readHeader, readLine } from './format';
import { linesOf } from './lines';
import { RowLoader } from './row-loader';

/** What an import may be told besides the archive. */
export interface ImportOptions {
  /** For whom the new tenant is. Left out: what the archive says. */
  title?: string;
  /** Is told of rows. */
  follow?: Follow;
}

/**
 * Makes the tenant called `name` from an archive, in one transaction: whatever goes wrong, and wherever the process is
 * killed, there is no such tenant afterwards. Refuses a name that is taken, and an archive that is not whole.
 */
export async function importTenant(
  database: Database,
  name: string,
  archive: AsyncIterable<Uint8Array>,
  { title, follow }: ImportOptions = {},
): Promise<void> {
  const { names, sets, hasRoles } = database;
  const [schema, role] = [names.tenantSchema(name), hasRoles ? names.tenantRole(name) : null];
  const lines = linesOf(archive);
  try {
    const newest = newestMigration(sets.tenant);
    const header = readHeader((await lines.next()).value, newest);
    const values = [newId(), name, checkTitle(title ?? header.title), schema, role, newest];
    await withDataSource(database, 'tenant', schema, (dataSource) =>
      dataSource.transaction(async (manager) => {
        const runner = manager.queryRunner!;
        const inserted = await runner.query(
          `INSERT INTO ${registryOf(database)} (id, name, title, schema_name, role_name, migrated_to, status, version)
            VALUES ($1, $2, $3, $4, $5, $6, 'active', 1) ON CONFLICT DO NOTHING RETURNING id`,
          values,
        );
        if (!inserted.length) throw new TenantConflict(`There is already a tenant called ${name}.`);
        await whileRolesRace(() => manager.transaction(() => makeSchema(runner, database, schema, role)));
        await makeTables(dataSource, runner, role);
        await load(runner, schema, lines, follow);
      }),
    );
  } finally {
    await lines.return(undefined);
  }
}

async function load(runner: QueryRunner, schema: string, lines: AsyncIterable<string>, follow?: Follow): Promise<void> {
  await runner.query(SPELLING);
  const tables = await archivedTables((text, values) => runner.query(text, values), schema);
  const triggers: { table: string; name: string }[] = await runner.query(
    `SELECT relname AS table, tgname AS name FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
      WHERE relnamespace = to_regnamespace(quote_ident($1)) AND NOT tgisinternal AND tgenabled = 'O' AND tgparentid = 0`,
    [schema],
  );
  const switchTriggers = async (verb: 'DISABLE' | 'ENABLE') => {
    for (const { table, name } of triggers)
      await runner.query(`ALTER TABLE ${quote(table)} ${verb} TRIGGER ${quote(name)}`);
  };

  await switchTriggers('DISABLE'); // what they did is in the archive
  if (tables.length) await runner.query(`TRUNCATE ${tables.map(({ name }) => quote(name)).join(', ')}`); // of what migrations put there
  await runner.query('SET CONSTRAINTS ALL DEFERRED');
  const loader = new RowLoader((await runner.connect()) as ClientBase, tables);
  try {
    await loadLines(runner, loader, lines, follow);
  } catch (error) {
    await loader.abort();
    throw error;
  }
  await runner.query('SET CONSTRAINTS ALL IMMEDIATE'); // a table that something is still to be checked in cannot be altered
  await switchTriggers('ENABLE');
}

async function loadLines(
  runner: QueryRunner,
  loader: RowLoader,
  lines: AsyncIterable<string>,
  follow?: Follow,
): Promise<void> {
  let number = 1; // the header was the first
  let rows = 0;
  let promised: number | undefined;
  for await (const text of lines) {
    const line = readLine(text, ++number);
    if (promised !== undefined) throw new BadArchive(`Line ${number} of the archive stands after its end.`);
    if ('table' in line) {
      await loader.add(line.table, line.row, number);
      rows++;
      follow?.(rows);
      continue;
    }
    await loader.flush();
    if ('sequence' in line) await runner.query('SELECT setval($1, $2)', [quote(line.sequence), line.value]);
    else promised = line.end.rows;
  }
  if (promised === undefined) throw new BadArchive('The archive is cut off: the line at its end is missing.');
  if (promised !== rows) throw new BadArchive(`The archive has ${rows} rows, and its last line says ${promised}.`);
}
