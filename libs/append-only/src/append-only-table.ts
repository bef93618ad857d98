import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';
import { surroundingsOf } from '@app/database';
import { dropTriggers, makeGuard, makeProjection, makeStamp } from './triggers';
import {
  addColumns,
  Column,
  columnsOf,
  fillVersions,
  makeVersions,
  OF_VERSIONS,
  regclass,
  versionsOf,
} from './versions-table';

/**
 * For a migration: makes `table`, which has the columns of a BaseEntity, the one of an append-only model. Its rows become
 * what a trigger makes of the versions, which nobody may write but by inserting the next one; what is in it becomes the
 * first versions, from now on. Run it again after its columns have changed. Throws where the table cannot be kept so.
 */
export async function appendOnlyTable(runner: QueryRunner, table: string): Promise<void> {
  const versions = versionsOf(table);
  if (Buffer.byteLength(versions) > 63) throw new Error(`${table} is too long a name: ${versions} has no room.`);
  const isAgain = await exists(runner, versions);
  // What is written meanwhile would have no version. In the order in which a version is written.
  await runner.query(
    `LOCK TABLE ${(isAgain ? [versions, table] : [table]).map(quote).join(', ')} IN SHARE ROW EXCLUSIVE MODE`,
  );
  const columns = await columnsOf(runner, table);
  refuseColumns(table, columns);
  await refuseCascades(runner, table);

  if (isAgain) await dropTriggers(runner, table);
  await (isAgain ? addColumns(runner, table, columns) : makeVersions(runner, table, columns));
  for (const { name, comment } of columns.filter(({ comment }) => comment !== null))
    await runner.query(`COMMENT ON COLUMN ${quote(versions)}.${quote(name)} IS ${escapeLiteral(comment!)}`);
  await fillVersions(runner, table, columns);
  const names = columns.map(({ name }) => name);
  await makeStamp(runner, table, names);
  await makeProjection(runner, table, names);
  await makeGuard(runner, table, { refuses: ['INSERT', 'UPDATE', 'DELETE'], but: ['INSERT', 'UPDATE', 'DELETE'] });
  await makeGuard(runner, versions, { refuses: ['UPDATE', 'DELETE'], but: ['UPDATE'] });

  // Who may not update any column may not lock a row either; the guard refuses the update.
  await letWriters(runner, table, 'REVOKE INSERT, UPDATE, DELETE, TRUNCATE', 'GRANT UPDATE (id)');
  await letWriters(runner, versions, 'REVOKE UPDATE, DELETE, TRUNCATE');
  const { eraser } = await surroundingsOf(runner);
  await runner.query(`GRANT SELECT, INSERT, UPDATE ON ${quote(versions)} TO ${quote(eraser)}`);
}

/**
 * The way back, for a migration: `table` is that of a standard model again. The table of its versions stays, with a guard
 * that now refuses new ones too, as the history it is; `appendOnlyTable` would go on with it.
 */
export async function standardTable(runner: QueryRunner, table: string): Promise<void> {
  const versions = versionsOf(table);
  await runner.query(`LOCK TABLE ${quote(versions)}, ${quote(table)} IN SHARE ROW EXCLUSIVE MODE`);
  await dropTriggers(runner, table);
  for (const part of ['stamp', 'project']) await runner.query(`DROP FUNCTION ${quote(`${table}_${part}`)}()`);
  await makeGuard(runner, versions, { refuses: ['INSERT', 'UPDATE', 'DELETE'], but: [] });
  for (const role of await writersOf(runner, versions))
    await runner.query(`GRANT INSERT, UPDATE, DELETE ON ${quote(table)} TO ${role}`);
}

async function exists(runner: QueryRunner, table: string): Promise<boolean> {
  const [found] = await runner.query(`SELECT to_regclass(${escapeLiteral(quote(table))}) IS NOT NULL AS "is"`);
  return found.is;
}

function refuseColumns(table: string, columns: Column[]): void {
  for (const { name, isGenerated } of columns) {
    if (OF_VERSIONS.includes(name))
      throw new Error(`${table} cannot be append-only with a column ${name}: its versions need that name.`);
    if (isGenerated)
      throw new Error(
        `${table} cannot be append-only with ${name}, which Postgres would generate anew in each version.`,
      );
  }
}

/** Nothing may change a record but a version of it, also not that another record went. */
async function refuseCascades(runner: QueryRunner, table: string): Promise<void> {
  const [found] = await runner.query(
    `SELECT conname AS name FROM pg_constraint
      WHERE conrelid = ${regclass(table)} AND contype = 'f' AND NOT (confdeltype IN ('a', 'r') AND confupdtype IN ('a', 'r')) LIMIT 1`,
  );
  if (found)
    throw new Error(
      `${table} cannot be append-only with the foreign key ${found.name}, which would rewrite its rows: make it ON DELETE RESTRICT.`,
    );
}

/** The roles besides the owner that may insert into `table`, as SQL. */
async function writersOf(runner: QueryRunner, table: string): Promise<string[]> {
  const { eraser } = await surroundingsOf(runner);
  const roles: { role: string }[] = await runner.query(
    `SELECT DISTINCT grantee::regrole::text AS role FROM pg_class, aclexplode(relacl)
      WHERE oid = ${regclass(table)} AND privilege_type = 'INSERT' AND grantee NOT IN (0, relowner, ${escapeLiteral(quote(eraser))}::regrole)`,
  );
  return roles.map(({ role }) => role);
}

/** Changes what those may do to `table` who may insert into it. */
async function letWriters(runner: QueryRunner, table: string, revoke: string, grant?: string): Promise<void> {
  for (const role of await writersOf(runner, table)) {
    await runner.query(`${revoke} ON ${quote(table)} FROM ${role}`);
    if (grant) await runner.query(`${grant} ON ${quote(table)} TO ${role}`);
  }
}
