import type { QueryRunner } from 'typeorm';
import { escapeIdentifier as quote, escapeLiteral } from 'pg';

/** Columns of a table that the log treats in a way of their own, by their names in the database. */
export interface AuditedColumns {
  /** Their changes are told, and not their values. */
  secret?: string[];
  /** Nothing is told of them: what the system keeps by itself. */
  silent?: string[];
}

const ALWAYS_SILENT = ['created_at', 'updated_at', 'version'];
const ROWS = { insert: ['NEW'], update: ['OLD', 'NEW'], delete: ['OLD'] };

/** For a migration: has every change of `table` written into the log, by whomever and in whatever way it is made. */
export async function auditTable(
  runner: QueryRunner,
  table: string,
  { secret = [], silent = [] }: AuditedColumns = {},
): Promise<void> {
  const lists = [secret, [...ALWAYS_SILENT, ...silent]].map((names) => escapeLiteral(`{${names.join()}}`));
  const write = `EXECUTE FUNCTION write_audit(${lists.join(', ')})`;
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
  for (const operation of [...Object.keys(ROWS), 'truncate'])
    await runner.query(`DROP TRIGGER audit_${operation} ON ${quote(table)}`);
}
