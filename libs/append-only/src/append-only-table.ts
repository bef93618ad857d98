import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';
import { surroundingsOf } from '@app/database';

/** What a version says besides the values of its record. */
const OF_VERSIONS = ['valid_from', 'deleted', 'actor', 'request_id', 'written'];

/** The triggers of an append-only model: those of the table of its versions, and those of the table of its records. */
export const TRIGGERS = {
  versions: ['append_only_stamp', 'append_only_project', 'append_only_guard', 'append_only_guard_truncate'],
  records: ['append_only_guard', 'append_only_guard_truncate'],
};

/** The table of the versions of `table`. */
export const versionsOf = (table: string): string => `${table}_versions`;

/** An array of names, as Postgres spells it. */
export const arrayOf = (names: string[]): string => `{${names.map((name) => JSON.stringify(name)).join()}}`;

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

interface Column {
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

const columnsOf = (runner: QueryRunner, table: string): Promise<Column[]> =>
  runner.query(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, pg_get_expr(adbin, adrelid) AS fallback,
            CASE WHEN attcollation <> typcollation THEN attcollation::regcollation::text END AS collation,
            col_description(attrelid, attnum) AS comment, attgenerated <> '' OR attidentity <> '' AS "isGenerated"
       FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = ${regclass(table)} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );

const regclass = (table: string): string => `${escapeLiteral(quote(table))}::regclass`;

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

async function dropTriggers(runner: QueryRunner, table: string): Promise<void> {
  for (const [on, triggers] of [
    [versionsOf(table), TRIGGERS.versions],
    [table, TRIGGERS.records],
  ] as const)
    for (const trigger of triggers) await runner.query(`DROP TRIGGER IF EXISTS ${trigger} ON ${quote(on)}`);
}

/** Nothing need be there in a version but its name: what a record cannot do without is for the table of the records to say. */
async function makeVersions(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
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
async function addColumns(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
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
async function fillVersions(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
  const [records, versions] = [table, versionsOf(table)].map(quote);
  const names = columns.map(({ name }) => quote(name));
  const into = `INSERT INTO ${versions} (${names.join(', ')}, valid_from, deleted, actor, request_id)`;
  const stamp = (deleted: boolean) => `date_trunc('milliseconds', clock_timestamp()), ${deleted}, ${ACTOR}, ${REQUEST}`;
  const last = `SELECT v.* FROM ${versions} AS v WHERE v.id = t.id ORDER BY v.version DESC LIMIT 1`;
  await runner.query(
    `UPDATE ${records} AS t SET version = v.version + 1 FROM ${records} AS s CROSS JOIN LATERAL (${last.replace('t.id', 's.id')}) AS v
      WHERE t.id = s.id AND t.version <= v.version AND (v.deleted OR ${differ(names)})`,
  );
  await runner.query(
    `${into} SELECT ${names.map((name) => `t.${name}`).join(', ')}, ${stamp(false)}
       FROM ${records} AS t LEFT JOIN LATERAL (${last}) AS v ON true WHERE v.version IS DISTINCT FROM t.version`,
  );
  const next = names.map((name) => (name === '"version"' ? 'v.version + 1' : `v.${name}`));
  await runner.query(
    `${into} SELECT ${next.join(', ')}, ${stamp(true)} FROM (
       SELECT DISTINCT ON (id) * FROM ${versions} AS v WHERE NOT EXISTS (SELECT FROM ${records} AS t WHERE t.id = v.id)
        ORDER BY id DESC, version DESC) AS v WHERE NOT deleted`,
  );
}

const ACTOR = `coalesce(nullif(current_setting('app.actor', true), ''), 'database:' || session_user)`;
const REQUEST = `nullif(current_setting('app.request_id', true), '')`;

/**
 * Says of a version when, by whom and on which request it came, whatever it says itself. Recorded time, not that of the
 * commit. What its writer did not know of, being of the release before, stays as it was in the version before.
 */
async function makeStamp(runner: QueryRunner, table: string, columns: string[]): Promise<void> {
  const [stamp, versions] = [`${table}_stamp`, versionsOf(table)].map(quote);
  await runner.query(`
    CREATE OR REPLACE FUNCTION ${stamp}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      columns CONSTANT text[] := ${escapeLiteral(arrayOf(columns))};
    BEGIN
      IF NOT NEW.written @> columns THEN
        NEW := jsonb_populate_record(NEW, coalesce((
          SELECT jsonb_object_agg(key, value)
            FROM jsonb_each((SELECT to_jsonb(v) FROM ${versions} AS v WHERE v.id = NEW.id AND v.version = NEW.version - 1))
           WHERE key = ANY(columns) AND key <> ALL(NEW.written)), '{}'));
      END IF;
      NEW.written := NULL;
      NEW.valid_from := date_trunc('milliseconds', clock_timestamp());
      NEW.actor := ${ACTOR};
      NEW.request_id := ${REQUEST};
      RETURN NEW;
    END $$`);
  await keepForUs(runner, stamp);
  await runner.query(
    `CREATE TRIGGER append_only_stamp BEFORE INSERT ON ${versions} FOR EACH ROW EXECUTE FUNCTION ${stamp}()`,
  );
}

/**
 * Makes of new versions what the records are now. Refuses one that is not the next, and two of one record at once, neither of
 * which would be the last. Where the clock says that a version is no later than the one before it, it is made a millisecond later.
 */
async function makeProjection(runner: QueryRunner, table: string, columns: string[]): Promise<void> {
  const { schema } = await surroundingsOf(runner);
  const [project, versions, records] = [`${table}_project`, versionsOf(table), table].map(quote);
  const names = columns.map(quote);
  const changing = names.filter((name) => name !== '"id"').map((name) => `${name} = n.${name}`);
  const before = `${versions} AS p ON p.id = n.id AND p.version = n.version - 1`;
  const versionsName = escapeLiteral(versionsOf(table));
  // Without pg_temp at the end of the path, a table of that name in there would come first. The plans are kept: those of
  // many rows, which would read the whole table, must not be made for few. Changed by UPDATE, not by ON CONFLICT, a record
  // does not keep others waiting who only refer to it.
  await runner.query(`
    CREATE OR REPLACE FUNCTION ${project}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = ${quote(schema)}, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
    DECLARE
      there int;
      some_are_twins boolean;
      some_are_not_next boolean;
      some_are_not_later boolean;
      some_are_not_first boolean;
      some_are_deleted boolean;
      changed int := 0;
    BEGIN
      SELECT count(*) FILTER (WHERE NOT n.deleted), count(DISTINCT n.id) < count(*),
             bool_or(CASE n.version WHEN 1 THEN EXISTS (SELECT FROM ${versions} AS o WHERE o.id = n.id AND o.version > 1)
                                    ELSE p.id IS NULL END),
             bool_or(n.valid_from <= p.valid_from), bool_or(n.version > 1), bool_or(n.deleted)
        INTO there, some_are_twins, some_are_not_next, some_are_not_later, some_are_not_first, some_are_deleted
        FROM new_rows AS n LEFT JOIN ${before};
      IF some_are_twins THEN
        RAISE cardinality_violation USING MESSAGE = 'Two versions of one record cannot come at once.';
      END IF;
      IF some_are_not_next THEN
        RAISE serialization_failure USING TABLE = ${versionsName},
          MESSAGE = 'A version does not follow on the last one of its record.';
      END IF;
      IF some_are_not_later THEN
        PERFORM set_config('app.projects', ${versionsName}, true);
        UPDATE ${versions} AS v SET valid_from = p.valid_from + interval '1 ms' FROM new_rows AS n JOIN ${before}
         WHERE v.id = n.id AND v.version = n.version AND v.valid_from <= p.valid_from;
      END IF;
      PERFORM set_config('app.projects', ${escapeLiteral(table)}, true);
      IF some_are_deleted THEN
        DELETE FROM ${records} AS t USING new_rows AS n WHERE n.deleted AND t.id = n.id;
      END IF;
      IF some_are_not_first AND there > 0 THEN
        UPDATE ${records} AS t SET ${changing.join(', ')} FROM new_rows AS n WHERE NOT n.deleted AND t.id = n.id;
        GET DIAGNOSTICS changed = ROW_COUNT;
      END IF;
      IF changed < there THEN
        INSERT INTO ${records} (${names.join(', ')}) SELECT ${names.map((name) => `n.${name}`).join(', ')} FROM new_rows AS n
         WHERE NOT n.deleted AND (n.version = 1 OR NOT EXISTS (SELECT FROM ${records} AS t WHERE t.id = n.id));
      END IF;
      PERFORM set_config('app.projects', '', true);
      RETURN NULL;
    END $$`);
  await keepForUs(runner, project);
  await runner.query(
    `CREATE TRIGGER append_only_project AFTER INSERT ON ${versions} REFERENCING NEW TABLE AS new_rows
       FOR EACH STATEMENT EXECUTE FUNCTION ${project}(${escapeLiteral(arrayOf(columns))})`,
  );
}

/** Whoever else could run it might have a table of their own run it, and so write ours past its versions. */
const keepForUs = (runner: QueryRunner, trigger: string): Promise<void> =>
  runner.query(`REVOKE EXECUTE ON FUNCTION ${trigger}() FROM PUBLIC`);

/** Refuses to rewrite `table`, `but` for what the trigger that keeps the records does, and for whoever erases. */
async function makeGuard(
  runner: QueryRunner,
  table: string,
  { refuses, but }: { refuses: string[]; but: string[] },
): Promise<void> {
  const { owner, eraser } = await surroundingsOf(runner);
  const told = [owner, eraser, arrayOf(but)].map(escapeLiteral).join(', ');
  const [guard, truncate] = TRIGGERS.records;
  for (const [name, operations] of [
    [guard, refuses.join(' OR ')],
    [truncate, 'TRUNCATE'],
  ])
    await runner.query(
      `CREATE TRIGGER ${name} BEFORE ${operations} ON ${quote(table)} FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting(${told})`,
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
