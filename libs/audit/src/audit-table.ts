import type { QueryRunner } from 'typeorm';
import { escapeIdentifier as quote, escapeLiteral } from 'pg';

/** Columns of a table, or properties of its entity, that the log treats in a way of their own. */
export interface AuditOptions<Name extends string = string> {
  /** Their changes are told, and not their values. */
  secret?: Name[];
  /** Nothing is told of them: what the system keeps by itself. */
  silent?: Name[];
}

const ALWAYS_SILENT = ['created_at', 'updated_at', 'version'];
const ROWS = { insert: ['NEW'], update: ['OLD', 'NEW'], delete: ['OLD'] };

/** The triggers of a table that is audited. */
export const TRIGGERS = [...Object.keys(ROWS), 'truncate'].map((operation) => `audit_${operation}`);

/**
 * For a migration: has every change of `table` written into the log, by whomever and in whatever way it is made. `columns`
 * are named as they are in the database. Throws for one that there is not, and for a table whose `id` is no uuid.
 */
export async function auditTable(runner: QueryRunner, table: string, columns: AuditOptions = {}): Promise<void> {
  await refuseUnfit(runner, table, columns);
  const write = `EXECUTE FUNCTION write_audit(${argumentsOf(columns).map(escapeLiteral).join(', ')})`;
  for (const [operation, sides] of Object.entries(ROWS)) {
    const rows = sides.map((side) => `${side} TABLE AS ${side.toLowerCase()}_rows`).join(' ');
    await runner.query(
      `CREATE TRIGGER audit_${operation} AFTER ${operation} ON ${quote(table)} REFERENCING ${rows} FOR EACH STATEMENT ${write}`,
    );
  }
  await runner.query(`CREATE TRIGGER audit_truncate AFTER TRUNCATE ON ${quote(table)} FOR EACH STATEMENT ${write}`);
}

/** The way back. What the log tells of the table stays. */
export async function stopAudit(runner: QueryRunner, table: string): Promise<void> {
  for (const trigger of TRIGGERS) await runner.query(`DROP TRIGGER ${trigger} ON ${quote(table)}`);
}

/** What the triggers tell their function: two arrays, as Postgres spells them. */
export const argumentsOf = ({ secret = [], silent = [] }: AuditOptions): string[] =>
  [secret, [...ALWAYS_SILENT, ...silent]].map((names) => `{${names.toSorted().join()}}`);

async function refuseUnfit(
  runner: QueryRunner,
  table: string,
  { secret = [], silent = [] }: AuditOptions,
): Promise<void> {
  const found: { name: string; type: string }[] = await runner.query(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = ${escapeLiteral(quote(table))}::regclass AND attnum > 0 AND NOT attisdropped`,
  );
  const types = new Map(found.map(({ name, type }) => [name, type]));
  if (types.get('id') !== 'uuid')
    throw new Error(`${table} cannot be audited: the log tells rows by an id that is a uuid.`);
  for (const column of [...secret, ...silent])
    if (!types.has(column)) throw new Error(`${table} has no column ${column} that the log could be told about.`);
}
