import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';
import { surroundingsOf } from '@app/database';

/** What a version says besides the values of its record. */
const OF_VERSIONS = ['valid_from', 'deleted', 'actor', 'request_id'];

/** The triggers of an append-only model: those of the table of its versions, and those of the table of its records. */
export const TRIGGERS = {
  versions: ['append_only_stamp', 'append_only_project', 'append_only_guard', 'append_only_guard_truncate'],
  records: ['append_only_guard', 'append_only_guard_truncate'],
};

/** The table of the versions of `table`. */
export const versionsOf = (table: string): string => `${table}_versions`;

/** What the trigger that keeps the records tells of their columns: an array, as Postgres spells it. */
export const argumentOf = (columns: string[]): string => `{${columns.toSorted().join()}}`;

/**
 * For a migration: makes `table`, which has the columns of a BaseEntity, the one of an append-only model. Its rows become
 * what a trigger makes of the versions, which nobody may write but by inserting the next one; what is in it becomes the
 * first versions, from now on. Run it again after its columns have changed.
 */
export async function appendOnlyTable(runner: QueryRunner, table: string): Promise<void> {
  const columns = await columnsOf(runner, table);
  const taken = columns.find(({ name }) => OF_VERSIONS.includes(name));
  if (taken)
    throw new Error(`${table} cannot be append-only with a column ${taken.name}: its versions need that name.`);
  if (Buffer.byteLength(versionsOf(table)) > 63)
    throw new Error(`${table} is too long a name: ${versionsOf(table)} has no room.`);

  await makeVersions(runner, table, columns);
  await fillVersions(runner, table, columns);
  const { schema, owner, eraser } = await surroundingsOf(runner);
  await makeStamp(runner, table);
  await makeProjection(runner, table, schema, columns);
  for (const guarded of [table, versionsOf(table)]) {
    const refuse = `EXECUTE FUNCTION refuse_rewriting(${[owner, eraser].map(escapeLiteral).join(', ')})`;
    const writes = guarded === table ? 'INSERT OR UPDATE OR DELETE' : 'UPDATE OR DELETE';
    await runner.query(
      `CREATE OR REPLACE TRIGGER append_only_guard BEFORE ${writes} ON ${quote(guarded)} FOR EACH STATEMENT ${refuse}`,
    );
    await runner.query(
      `CREATE OR REPLACE TRIGGER append_only_guard_truncate BEFORE TRUNCATE ON ${quote(guarded)} FOR EACH STATEMENT ${refuse}`,
    );
  }
  // Who may not update any column may not lock a row either; the guard refuses the update.
  await grantAnew(runner, table, 'SELECT, UPDATE (id)');
  await grantAnew(runner, versionsOf(table), 'SELECT, INSERT');
  await runner.query(`GRANT SELECT, INSERT, UPDATE ON ${quote(versionsOf(table))} TO ${quote(eraser)}`);
}

/**
 * The way back, for a migration: `table` is that of a standard model again. The table of its versions stays, with its
 * guard, as the history it is; `appendOnlyTable` would go on with it.
 */
export async function standardTable(runner: QueryRunner, table: string): Promise<void> {
  const [versions, records] = [versionsOf(table), table].map(quote);
  for (const trigger of TRIGGERS.records) await runner.query(`DROP TRIGGER ${trigger} ON ${records}`);
  for (const part of ['stamp', 'project']) {
    await runner.query(`DROP TRIGGER append_only_${part} ON ${versions}`);
    await runner.query(`DROP FUNCTION ${quote(`${table}_${part}`)}()`);
  }
  await grantAnew(runner, versionsOf(table), 'SELECT');
  await grantAnew(runner, table, 'SELECT, INSERT, UPDATE, DELETE');
}

interface Column {
  name: string;
  type: string;
  /** The default of the column, as SQL. */
  fallback: string | null;
}

const columnsOf = (runner: QueryRunner, table: string): Promise<Column[]> =>
  runner.query(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, pg_get_expr(adbin, adrelid) AS fallback
       FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = ${escapeLiteral(quote(table))}::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );

/** Nothing need be there in a version but its name: what a record cannot do without is for the table of the records to say. */
async function makeVersions(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
  const versions = versionsOf(table);
  const [{ exists }] = await runner.query(
    `SELECT to_regclass(${escapeLiteral(quote(versions))}) IS NOT NULL AS exists`,
  );
  if (!exists) {
    await runner.query(`
      CREATE TABLE ${quote(versions)} (
        ${columns.map(declared).join(', ')},
        valid_from timestamptz(3) NOT NULL,
        deleted boolean NOT NULL DEFAULT false,
        actor text NOT NULL,
        request_id text,
        CHECK (version > 0),
        PRIMARY KEY (id, version)
      )`);
    return;
  }
  const known = new Map((await columnsOf(runner, versions)).map((column) => [column.name, column]));
  for (const column of columns) {
    const { name, type } = column;
    if (!known.has(name)) await runner.query(`ALTER TABLE ${quote(versions)} ADD ${declared(column)}`);
    else if (known.get(name)!.type !== type)
      await runner.query(`ALTER TABLE ${quote(versions)} ALTER ${quote(name)} TYPE ${type}`);
  }
}

const declared = ({ name, type, fallback }: Column): string =>
  `${quote(name)} ${type} ${fallback === null ? '' : `DEFAULT ${fallback}`}`;

/** A version for each record that is not yet as the last one says, and one that deletes for each that has gone. */
async function fillVersions(runner: QueryRunner, table: string, columns: Column[]): Promise<void> {
  const names = columns.map(({ name }) => quote(name));
  const into = `INSERT INTO ${quote(versionsOf(table))} AS v (${names.join(', ')}, valid_from, deleted, actor, request_id)`;
  const last = `SELECT DISTINCT ON (id) * FROM ${quote(versionsOf(table))} ORDER BY id DESC, version DESC`;
  const stamp = (deleted: boolean) => `date_trunc('milliseconds', clock_timestamp()), ${deleted}, ${ACTOR}, ${REQUEST}`;
  await runner.query(`ALTER TABLE ${quote(versionsOf(table))} DISABLE TRIGGER USER`);
  await runner.query(
    `${into} SELECT ${names.map((name) => `t.${name}`).join(', ')}, ${stamp(false)}
       FROM ${quote(table)} AS t LEFT JOIN (${last}) AS l USING (id) WHERE l.version IS DISTINCT FROM t.version OR l.deleted`,
  );
  const next = names.map((name) => (name === '"version"' ? 'l.version + 1' : `l.${name}`));
  await runner.query(
    `${into} SELECT ${next.join(', ')}, ${stamp(true)} FROM (${last}) AS l
      WHERE NOT deleted AND NOT EXISTS (SELECT FROM ${quote(table)} AS t WHERE t.id = l.id)`,
  );
  await runner.query(`ALTER TABLE ${quote(versionsOf(table))} ENABLE TRIGGER USER`);
}

const ACTOR = `coalesce(nullif(current_setting('app.actor', true), ''), 'database:' || session_user)`;
const REQUEST = `nullif(current_setting('app.request_id', true), '')`;

/** Says of a version when, by whom and on which request it came, whatever it says itself. Recorded time, not that of the commit. */
async function makeStamp(runner: QueryRunner, table: string): Promise<void> {
  const [stamp, versions] = [`${table}_stamp`, versionsOf(table)].map(quote);
  await runner.query(`
    CREATE OR REPLACE FUNCTION ${stamp}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.valid_from := date_trunc('milliseconds', clock_timestamp());
      NEW.actor := ${ACTOR};
      NEW.request_id := ${REQUEST};
      RETURN NEW;
    END $$`);
  await runner.query(
    `CREATE OR REPLACE TRIGGER append_only_stamp BEFORE INSERT ON ${versions} FOR EACH ROW EXECUTE FUNCTION ${stamp}()`,
  );
}

/**
 * Makes of new versions what the records are now. Refuses one that is not the next, and two of one record at once, neither of
 * which would be the last. Where the clock says that a version is no later than the one before it, it is made a millisecond later.
 */
async function makeProjection(runner: QueryRunner, table: string, schema: string, columns: Column[]): Promise<void> {
  const [project, versions, records] = [`${table}_project`, versionsOf(table), table].map(quote);
  const names = columns.map(({ name }) => quote(name));
  const changing = names.filter((name) => name !== '"id"').map((name) => `${name} = excluded.${name}`);
  const before = `${versions} AS p ON p.id = n.id AND p.version = n.version - 1`;
  // Without pg_temp at the end of the path, a table of that name in there would come first. The plans are kept: those of
  // many rows, which would read the whole table, must not be made for few.
  await runner.query(`
    CREATE OR REPLACE FUNCTION ${project}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = ${quote(schema)}, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
    DECLARE
      is_not_next boolean;
      is_not_later boolean;
      some_are_deleted boolean;
    BEGIN
      SELECT bool_or(CASE n.version WHEN 1 THEN EXISTS (SELECT FROM ${versions} AS o WHERE o.id = n.id AND o.version > 1)
                                    ELSE p.id IS NULL END),
             bool_or(n.valid_from <= p.valid_from), bool_or(n.deleted)
        INTO is_not_next, is_not_later, some_are_deleted FROM new_rows AS n LEFT JOIN ${before};
      IF is_not_next THEN
        RAISE serialization_failure USING MESSAGE = 'A version does not follow on the last one of its record.';
      END IF;
      IF is_not_later THEN
        PERFORM set_config('app.projects', ${escapeLiteral(versionsOf(table))}, true);
        UPDATE ${versions} AS v SET valid_from = p.valid_from + interval '1 ms' FROM new_rows AS n JOIN ${before}
         WHERE v.id = n.id AND v.version = n.version AND v.valid_from <= p.valid_from;
      END IF;
      PERFORM set_config('app.projects', ${escapeLiteral(table)}, true);
      IF some_are_deleted THEN
        DELETE FROM ${records} AS t USING new_rows AS n WHERE n.deleted AND t.id = n.id;
      END IF;
      INSERT INTO ${records} (${names.join(', ')}) SELECT ${names.join(', ')} FROM new_rows WHERE NOT deleted
        ON CONFLICT (id) DO UPDATE SET ${changing.join(', ')};
      PERFORM set_config('app.projects', '', true);
      RETURN NULL;
    END $$`);
  await runner.query(
    `CREATE OR REPLACE TRIGGER append_only_project AFTER INSERT ON ${versions} REFERENCING NEW TABLE AS new_rows
       FOR EACH STATEMENT EXECUTE FUNCTION ${project}(${escapeLiteral(argumentOf(columns.map(({ name }) => name)))})`,
  );
}

/** Gives whoever has any rights on `table` these, and no others; but not who erases. */
async function grantAnew(runner: QueryRunner, table: string, rights: string): Promise<void> {
  const { eraser } = await surroundingsOf(runner);
  await runner.query(`
    DO $$ DECLARE role text; BEGIN
      FOR role IN SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl)
                   WHERE oid = ${escapeLiteral(quote(table))}::regclass
                      AND grantee NOT IN (relowner, ${escapeLiteral(quote(eraser))}::regrole) LOOP
        EXECUTE format('REVOKE ALL ON ${quote(table)} FROM %s', role);
        EXECUTE format('GRANT ${rights} ON ${quote(table)} TO %s', role);
      END LOOP;
    END $$`);
}
