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
  const before = `${versions} AS p ON p.id = n.id AND p.version = n.version - 1`;
  const versionsName = escapeLiteral(versionsOf(table));
  // Without pg_temp at the end of the path, a table of that name in there would come first. The plans are kept: those of
  // many rows, which would read the whole table, must not be made for few. Changed by UPDATE, not by ON CONFLICT, a record
  // does not keep others waiting who only refer to it.
  await runner.query(`
    CREATE OR REPLACE FUNCTION ${project}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = ${quote(schema)}, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
    DECLARE
      come int;
      distinct_ids int;
      there int;
      some_are_not_next boolean;
      some_are_not_later boolean;
      some_are_not_first boolean;
      some_are_deleted boolean;
      changed int := 0;
    BEGIN
      SELECT count(*), count(*) FILTER (WHERE NOT n.deleted),
             bool_or(CASE n.version WHEN 1 THEN EXISTS (SELECT FROM ${versions} AS o WHERE o.id = n.id AND o.version > 1)
                                    ELSE p.id IS NULL END),
             bool_or(n.valid_from <= p.valid_from), bool_or(n.version > 1), bool_or(n.deleted)
        INTO come, there, some_are_not_next, some_are_not_later, some_are_not_first, some_are_deleted
        FROM new_rows AS n LEFT JOIN ${before};
      IF come > 1 THEN
        SELECT count(DISTINCT n.id) INTO distinct_ids FROM new_rows AS n;
        IF distinct_ids < come THEN
          RAISE cardinality_violation USING MESSAGE = 'Two versions of one record cannot come at once.';
        END IF;
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
