import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';

/** The name of the table of the versions of `table`. */
export const versionsOf = (table: string): string => `${table}_versions`;

/** What a version says besides the values of its record. */
export const OF_VERSIONS = ['valid_from', 'deleted', 'actor', 'request_id', 'written'];

/** On whose behalf the transaction works, and on which request, as SQL. */
export const ACTOR = `coalesce(nullif(current_setting('app.actor', true), ''), 'database:' || session_user)`;
export const REQUEST = `nullif(current_setting('app.request_id', true), '')`;

/** A column of a table. */
export interface Column {
  name: string;
  type: string;
  /** The default of the column, as SQL. */
  fallback: string | null;
  /** Its collation, as SQL, where that is not its type's. */
  collation: string | null;
  /** The comment on it, which may say something to others. */
  comment: string | null;
  /** Whether Postgres makes its values, from other columns or by counting. */
  isGenerated: boolean;
}

/** The columns of `table`, in their order. */
export const columnsOf = (runner: QueryRunner, table: string): Promise<Column[]> =>
  runner.query(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, pg_get_expr(adbin, adrelid) AS fallback,
            CASE WHEN attcollation <> typcollation THEN attcollation::regcollation::text END AS collation,
            col_description(attrelid, attnum) AS comment, attgenerated <> '' OR attidentity <> '' AS "isGenerated"
       FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = ${regclass(table)} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );

/** The table, as SQL of the type regclass. */
export const regclass = (table: string): string => `${escapeLiteral(quote(table))}::regclass`;

/** Nothing need be there in a version but its name: what a record cannot do without is for the table of the records to say. */
export async function makeVersions(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
  await runner.query(`
    CREATE TABLE ${quote(versionsOf(table))} (
      ${columns.map(declared).join(', ')},
      valid_from timestamptz(3) NOT NULL,
      deleted boolean NOT NULL DEFAULT false,
      actor text NOT NULL,
      request_id text,
      written text[],
      CHECK (version > 0),
      PRIMARY KEY (id, version)
    )`);
}

/** Columns that are new have in every version what the record has now; those that have gone stay. */
export async function addColumns(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
  const versions = quote(versionsOf(table));
  const known = new Map((await columnsOf(runner, versionsOf(table))).map((column) => [column.name, column]));
  const added: string[] = [];
  for (const column of columns) {
    const [name, before] = [quote(column.name), known.get(column.name)];
    const action = before ? `ALTER ${name} TYPE ${typeOf(column)}` : `ADD ${declared(column)}`;
    if (!before) added.push(name);
    if (!before || typeOf(before) !== typeOf(column)) await runner.query(`ALTER TABLE ${versions} ${action}`);
    if (before && before.fallback !== column.fallback)
      await runner.query(
        `ALTER TABLE ${versions} ALTER ${name} ${column.fallback === null ? 'DROP' : 'SET'} DEFAULT ${column.fallback ?? ''}`,
      );
  }
  if (!added.length) return;
  await runner.query(
    `UPDATE ${versions} AS v SET ${added.map((name) => `${name} = t.${name}`).join(', ')}
       FROM ${quote(table)} AS t WHERE t.id = v.id AND ${differ(added)}`,
  );
}

const typeOf = ({ type, collation }: Column): string => (collation ? `${type} COLLATE ${collation}` : type);
const declared = (column: Column): string =>
  `${quote(column.name)} ${typeOf(column)} ${column.fallback === null ? '' : `DEFAULT ${column.fallback}`}`;

/** Whether the record `t` and its version `v` have other values in some of `names`; of any type, also without an equality. */
const differ = (names: string[]): string =>
  ['t', 'v'].map((alias) => `jsonb_build_array(${names.map((name) => `${alias}.${name}`).join(', ')})`).join(' <> ');

/**
 * A version for each record that is not yet as its last one says, and one that deletes for each that has gone. A record
 * that was changed and not counted up gets the number that follows. Without triggers.
 */
export async function fillVersions(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
  const [records, versions] = [table, versionsOf(table)].map(quote);
  const names = columns.map(({ name }) => quote(name));
  const into = `INSERT INTO ${versions} (${names.join(', ')}, valid_from, deleted, actor, request_id)`;
  const stamp = (deleted: boolean) => `date_trunc('milliseconds', clock_timestamp()), ${deleted}, ${ACTOR}, ${REQUEST}`;
  const lastOf = (record: string) =>
    `SELECT v.* FROM ${versions} AS v WHERE v.id = ${record}.id ORDER BY v.version DESC LIMIT 1`;
  await runner.query(
    `UPDATE ${records} AS t SET version = v.version + 1 FROM ${records} AS s CROSS JOIN LATERAL (${lastOf('s')}) AS v
      WHERE t.id = s.id AND t.version <= v.version AND (v.deleted OR ${differ(names)})`,
  );
  await runner.query(
    `${into} SELECT ${names.map((name) => `t.${name}`).join(', ')}, ${stamp(false)}
       FROM ${records} AS t LEFT JOIN LATERAL (${lastOf('t')}) AS v ON true WHERE v.version IS DISTINCT FROM t.version`,
  );
  const next = names.map((name) => (name === '"version"' ? 'v.version + 1' : `v.${name}`));
  await runner.query(
    `${into} SELECT ${next.join(', ')}, ${stamp(true)} FROM (
       SELECT DISTINCT ON (id) * FROM ${versions} AS v WHERE NOT EXISTS (SELECT FROM ${records} AS t WHERE t.id = v.id)
        ORDER BY id DESC, version DESC) AS v WHERE NOT deleted`,
  );
}
