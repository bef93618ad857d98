import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';
import { surroundingsOf } from '@app/database';
import { ACTOR, REQUEST, versionsOf } from './versions-table';

/** The triggers of an append-only model: those of the table of its versions, and those of the table of its records. */
export const TRIGGERS = {
  versions: ['append_only_stamp', 'append_only_project', 'append_only_guard', 'append_only_guard_truncate'],
  records: ['append_only_guard', 'append_only_guard_truncate'],
};

/** An array of names, as Postgres spells it: the same for the same names in any order. */
export const arrayOf = (names: string[]): string =>
  `{${names
    .toSorted()
    .map((name) => JSON.stringify(name))
    .join()}}`;

/** Takes all of them away, those that there are. */
export async function dropTriggers(runner: QueryRunner, table: string): Promise<void> {
  for (const [on, triggers] of [
    [versionsOf(table), TRIGGERS.versions],
    [table, TRIGGERS.records],
  ] as const)
    for (const trigger of triggers) await runner.query(`DROP TRIGGER IF EXISTS ${trigger} ON ${quote(on)}`);
}

/**
 * Says of a version when, by whom and on which request it came, whatever it says itself. Recorded time, not that of the
 * commit. What its writer did not know of, being of the release before, stays as it was in the version before.
 */
export async function makeStamp(runner: QueryRunner, table: string, columns: string[]): Promise<void> {
  const [stamp, versions] = [`${table}_stamp`, versionsOf(table)].map(quote);
  await runner.query(`
    CREATE OR REPLACE FUNCTION ${stamp}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      columns CONSTANT text[] := ${escapeLiteral(arrayOf(columns))};
    BEGIN
      IF NEW.written <> columns THEN
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
export async function makeProjection(runner: QueryRunner, table: string, columns: string[]): Promise<void> {
  const { schema } = await surroundingsOf(runner);
  const [project, versions, records] = [`${table}_project`, versionsOf(table), table].map(quote);
  const names = columns.map(quote);
  const changing = names.filter((name) => name !== '"id"').map((name) => `${name} = n.${name}`);
  const before = 'p.id = n.id AND p.version = n.version - 1';
  const follows = 't.id = n.id AND t.version = n.version - 1';
  const [recordsName, versionsName] = [table, versionsOf(table)].map(escapeLiteral);
  // Without pg_temp at the end of the path, a table of that name in there would come first. The plans are kept: those of
  // many rows, which would read the whole table, must not be made for few. Changed by UPDATE, not by ON CONFLICT, a record
  // does not keep others waiting who only refer to it. Each query takes some 10 µs, and PERFORM is one: hence the assignments.
  await runner.query(`
    CREATE OR REPLACE FUNCTION ${project}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = ${quote(schema)}, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
    DECLARE
      come int;
      come_to_change int;
      come_to_delete int;
      some_have_none_before boolean;
      some_are_not_later boolean;
      distinct_ids int;
      deleted int := 0;
      changed int := 0;
      made int := 0;
      projects text;
    BEGIN
      SELECT count(*), count(*) FILTER (WHERE n.version > 1 AND NOT n.deleted), count(*) FILTER (WHERE n.deleted),
             bool_or(n.version > 1 AND p.id IS NULL), bool_or(n.valid_from <= p.valid_from)
        INTO come, come_to_change, come_to_delete, some_have_none_before, some_are_not_later
        FROM new_rows AS n LEFT JOIN ${versions} AS p ON ${before};
      IF come > 1 THEN
        SELECT count(DISTINCT n.id) INTO distinct_ids FROM new_rows AS n;
        IF distinct_ids < come THEN
          RAISE cardinality_violation USING MESSAGE = 'Two versions of one record cannot come at once.';
        END IF;
      END IF;
      IF some_are_not_later THEN
        projects := set_config('app.projects', ${versionsName}, true);
        UPDATE ${versions} AS v SET valid_from = p.valid_from + interval '1 ms'
          FROM new_rows AS n JOIN ${versions} AS p ON ${before}
         WHERE v.id = n.id AND v.version = n.version AND v.valid_from <= p.valid_from;
      END IF;
      projects := set_config('app.projects', ${recordsName}, true);
      IF come_to_delete > 0 THEN
        DELETE FROM ${records} AS t USING new_rows AS n WHERE n.deleted AND ${follows};
        GET DIAGNOSTICS deleted = ROW_COUNT;
      END IF;
      IF come_to_change > 0 THEN
        UPDATE ${records} AS t SET ${changing.join(', ')} FROM new_rows AS n WHERE NOT n.deleted AND ${follows};
        GET DIAGNOSTICS changed = ROW_COUNT;
      END IF;
      IF deleted + changed < come THEN
        INSERT INTO ${records} (${names.join(', ')}) SELECT ${names.map((name) => `n.${name}`).join(', ')} FROM new_rows AS n
         WHERE NOT n.deleted AND CASE n.version
                 WHEN 1 THEN NOT EXISTS (SELECT FROM ${versions} AS o WHERE o.id = n.id AND o.version > 1)
                 ELSE EXISTS (SELECT FROM ${versions} AS p WHERE ${before} AND p.deleted) END;
        GET DIAGNOSTICS made = ROW_COUNT;
      END IF;
      IF some_have_none_before OR deleted + changed + made < come THEN
        RAISE serialization_failure USING TABLE = ${versionsName},
          MESSAGE = 'A version does not follow on the last one of its record.';
      END IF;
      projects := set_config('app.projects', '', true);
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
export async function makeGuard(
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
