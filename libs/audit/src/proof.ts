import { Inject, Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource, EntityMetadata } from 'typeorm';
import { DATABASE, type Database, newestMigration } from '@app/database';
import { Tenant } from '@app/tenancy';
import { argumentsOf, AuditedColumns, TRIGGERS } from './audit-table';
import { auditedOf } from './audited.decorator';

/** Refuses to start where the log should tell of a model, and Postgres was not told to write so. */
@Injectable()
export class Proof implements OnModuleInit {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  async onModuleInit(): Promise<void> {
    const audited = this.dataSource.entityMetadatas.flatMap((metadata) => promiseOf(metadata) ?? []);
    const [broken] = await this.dataSource.query<{ table: string; tenant: string }[]>(
      `WITH written AS MATERIALIZED (
         SELECT nspname::text AS schema_name, relname::text AS "table", encode(tgargs, 'escape') AS arguments
           FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
          WHERE tgname = ANY($4) AND tgenabled = 'O' GROUP BY 1, 2, 3 HAVING count(*) = $5
       )
       SELECT said."table", tenant.name AS tenant
         FROM ${this.dataSource.getMetadata(Tenant).tablePath} AS tenant
              CROSS JOIN unnest($1::text[], $2::text[]) AS said ("table", arguments)
              LEFT JOIN written USING (schema_name, "table", arguments)
        WHERE status = 'active' AND migrated_to >= $3 AND written.schema_name IS NULL LIMIT 1`,
      [
        audited.map(({ table }) => table),
        audited.map(({ columns }) =>
          argumentsOf(columns)
            .map((each) => `${each}\\000`)
            .join(''),
        ), // as Postgres keeps them
        newestMigration(this.database.sets.tenant),
        TRIGGERS,
        TRIGGERS.length,
      ],
    );
    if (!broken) return;
    const { name, table, columns } = audited.find(({ table }) => table === broken.table)!;
    throw new Error(
      `${name} is @Audited(), and in the tenant ${broken.tenant} its table does not write into the log what that says. ` +
        `Type into a migration: await auditTable(runner, '${table}', ${JSON.stringify(columns)}); before it, if the table was ` +
        `audited otherwise: await stopAudit(runner, '${table}').`,
    );
  }
}

/** What an entity says of its audit, in the words of its migration; undefined where it says nothing. */
function promiseOf(metadata: EntityMetadata): { name: string; table: string; columns: AuditedColumns } | undefined {
  const said = auditedOf(metadata.target as object);
  if (!said) return undefined;
  const inDatabase = (properties: string[] | undefined) =>
    properties?.map((property) => metadata.findColumnWithPropertyName(property)!.databaseName);
  const columns = { secret: inDatabase(said.secret), silent: inDatabase(said.silent) };
  return { name: metadata.name, table: metadata.tableName, columns };
}
