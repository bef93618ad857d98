import { TenantConflict } from '../tenant-errors';

/** A table of a tenant whose rows belong in an archive. */
export interface ArchivedTable {
  name: string;
  /** Without those that Postgres computes. */
  columns: string[];
  isPartitioned: boolean;
  /** The tables that must be filled before it. */
  refersTo: string[];
}

const LEFT_OUT = [
  'migrations', // what a new tenant has of its own
  'file_part', // files for jobs, which stay behind
  'idempotency_key', // answers to requests that nobody will repeat to another tenant
];

/** Runs a statement and gives its rows, whoever holds the connection. */
export type Ask = (text: string, values?: unknown[]) => Promise<any[]>;

/** Values are spelt alike wherever they are written and read, and however long that takes. */
export const SPELLING = `SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL TimeZone = 'UTC';
  SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content';
  SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`;

/** The tables of `schema` that an archive holds, each after those it refers to. */
export async function archivedTables(ask: Ask, schema: string): Promise<ArchivedTable[]> {
  const tables: ArchivedTable[] = await ask(
    `SELECT * FROM (
       SELECT relname::text AS name, relkind = 'p' AS "isPartitioned",
              ARRAY(SELECT attname::text FROM pg_attribute
                     WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum) AS columns,
              ARRAY(SELECT DISTINCT r.relname::text FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid
                     WHERE k.conrelid = c.oid AND k.confrelid <> c.oid AND k.contype = 'f' AND NOT k.condeferrable) AS "refersTo"
         FROM pg_class c
        WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind IN ('r', 'p') AND NOT relispartition
          AND relname <> ALL ($2)) t
      WHERE columns <> '{}' ORDER BY name`,
    [schema, LEFT_OUT],
  );
  return inOrder(tables);
}

/** How far the sequences of `schema` are, but for those of tables that an archive leaves out. */
export const archivedSequences = (ask: Ask, schema: string): Promise<{ sequence: string; value: string }[]> =>
  ask(
    `SELECT sequencename AS sequence, last_value::text AS value FROM pg_sequences
      WHERE schemaname = $1 AND last_value IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_depend JOIN pg_class t ON t.oid = refobjid
         WHERE objid = to_regclass(format('%I.%I', schemaname, sequencename)) AND t.relname = ANY ($2))
      ORDER BY 1`,
    [schema, LEFT_OUT],
  );

function inOrder(tables: ArchivedTable[]): ArchivedTable[] {
  const ordered: ArchivedTable[] = [];
  let waiting = tables;
  while (waiting.length) {
    const isFree = ({ refersTo }: ArchivedTable) => !waiting.some(({ name }) => refersTo.includes(name));
    const free = waiting.filter(isFree);
    if (!free.length) {
      throw new TenantConflict(
        `The tables ${waiting.map(({ name }) => name).join(', ')} refer to each other in a circle, so none can be filled first: ` +
          'make one of the foreign keys DEFERRABLE.',
      );
    }
    ordered.push(...free);
    waiting = waiting.filter((table) => !free.includes(table));
  }
  return ordered;
}
