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

/** The triggers of a table that is audited. */
export const TRIGGERS = [...Object.keys(ROWS), 'truncate'].map((operation) => `audit_${operation}`);

/** For a migration: has every change of `table` written into the log, by whomever and in whatever way it is made. */
export async function auditTable(runner: QueryRunner, table: string, columns: AuditedColumns = {}): Promise<void> {
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
export const argumentsOf = ({ secret = [], silent = [] }: AuditedColumns): string[] =>
  [secret, [...ALWAYS_SILENT, ...silent]].map((names) => `{${names.toSorted().join()}}`);
