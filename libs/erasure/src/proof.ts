import { Inject, Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DATABASE, type Database, newestMigration } from '@app/database';
import { Tenant } from '@app/tenancy';
import { IS_PERSONAL, personalOf } from './personal.decorator';

/** Refuses to start where a column is said to be personal, and would not be erased. */
@Injectable()
export class Proof implements OnModuleInit {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  async onModuleInit(): Promise<void> {
    const models = this.dataSource.entityMetadatas.filter((metadata) => personalOf(metadata).length);
    const columns = models.flatMap((metadata) => personalOf(metadata).map((column) => [metadata.tableName, column]));
    const { names, hasRoles, sets } = this.database;
    const [missing] = await this.dataSource.query<{ table: string; tenant: string }[]>(
      `WITH made AS MATERIALIZED (
         SELECT nspname::text AS schema_name, relname::text AS "table", attname::text AS "column"
           FROM pg_description JOIN pg_class AS c ON c.oid = objoid AND classoid = 'pg_class'::regclass
                JOIN pg_attribute ON attrelid = c.oid AND attnum = objsubid JOIN pg_namespace ON pg_namespace.oid = relnamespace
          WHERE description ${IS_PERSONAL} AND has_table_privilege(coalesce($4, current_user), c.oid, 'UPDATE')
       )
       SELECT said."table", tenant.name AS tenant
         FROM ${this.dataSource.getMetadata(Tenant).tablePath} AS tenant
              CROSS JOIN unnest($1::text[], $2::text[]) AS said ("table", "column")
              LEFT JOIN made USING (schema_name, "table", "column")
        WHERE status = 'active' AND migrated_to >= $3 AND made.schema_name IS NULL LIMIT 1`,
      [
        columns.map(([table]) => table),
        columns.map(([, column]) => column),
        newestMigration(sets.tenant),
        hasRoles ? names.eraser : null,
      ],
    );
    if (!missing) return;
    const model = models.find(({ tableName }) => tableName === missing.table)!;
    throw new Error(
      `${model.name} has columns that are @Personal(), and in the tenant ${missing.tenant} not all of them would be erased. ` +
        `Type into a migration: await personalColumns(runner, '${missing.table}', ${JSON.stringify(personalOf(model))}).`,
    );
  }
}
