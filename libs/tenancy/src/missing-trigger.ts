import { DataSource } from 'typeorm';
import { type Database, newestMigration } from '@app/database';
import { Tenant } from './tenant.entity';

/** A trigger that the tables of every tenant should have. */
export interface ExpectedTrigger {
  table: string;
  name: string;
  /** What it tells its function; without: anything. */
  arguments?: string[];
  /** Names that must be among those of the array which is all that it tells its function. */
  knows?: string[];
}

/**
 * The first of `expected` that a tenant in use lacks, has disabled, or has with other arguments; undefined when all is well.
 * Of tenants that no newer release has yet to migrate.
 */
export async function findMissingTrigger(
  dataSource: DataSource,
  database: Database,
  expected: ExpectedTrigger[],
): Promise<{ table: string; tenant: string } | undefined> {
  // As Postgres keeps arguments: each with a NUL after it, which `encode` spells like this.
  const spelt = expected.map((trigger) => trigger.arguments?.map((each) => `${each}\\000`).join('') ?? null);
  const [missing] = await dataSource.query<{ table: string; tenant: string }[]>(
    `WITH made AS MATERIALIZED (
       SELECT nspname::text AS schema_name, relname::text AS "table", tgname::text AS name, encode(tgargs, 'escape') AS arguments,
              CASE tgnargs WHEN 1 THEN convert_from(rtrim(tgargs, '\\000'), 'UTF8') END AS argument
         FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE tgname = ANY($2) AND tgenabled = 'O'
     )
     SELECT said."table", tenant.name AS tenant
       FROM ${dataSource.getMetadata(Tenant).tablePath} AS tenant
            CROSS JOIN unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) AS said ("table", name, arguments, knows)
            LEFT JOIN made ON made.schema_name = tenant.schema_name AND made."table" = said."table" AND made.name = said.name
                          AND made.arguments = coalesce(said.arguments, made.arguments)
                          AND (said.knows IS NULL OR CASE WHEN made.argument IS NOT NULL THEN
                               made.argument::text[] @> ARRAY(SELECT jsonb_array_elements_text(said.knows)) END)
      WHERE status = 'active' AND migrated_to >= $5 AND made.name IS NULL LIMIT 1`,
    [
      expected.map(({ table }) => table),
      expected.map(({ name }) => name),
      spelt,
      expected.map(({ knows }) => knows && JSON.stringify(knows)),
      newestMigration(database.sets.tenant),
    ],
  );
  return missing;
}
