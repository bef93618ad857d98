import { randomInt } from 'node:crypto';
import { Settings } from '@app/config';
import { SchemaKind, removeInstallation, withAdmin, withDataSource } from '@app/database';
import { allSchemas, migrateAll, provisionTenant } from '@app/tenancy';
import { withDatabase } from './with-database';

/** The SQL that turns what the migrations make into what the entities say, and the SQL that turns it back. */
export interface Drift {
  kind: SchemaKind;
  up: string[];
  down: string[];
}

/** Runs all migrations in schemas made for that, compares them with the entities, and drops them again. */
export async function findDrift(): Promise<Drift[]> {
  const scratch = Settings.ofThisProcess().with({
    schemaPrefix: `drift${randomInt(36 ** 5)
      .toString(36)
      .padStart(5, '0')}_`,
  });
  return withDatabase(async (database) => {
    try {
      await migrateAll(database, () => undefined);
      await provisionTenant(database, 'drift');
      const found: Drift[] = [];
      for (const { kind, schema } of await allSchemas(database)) {
        const { upQueries, downQueries } = await withDataSource(database, kind, schema, (dataSource) =>
          dataSource.driver.createSchemaBuilder().log(),
        );
        const unprefixed = ({ query }: { query: string }) => query.replaceAll(`"${schema}".`, '');
        found.push({ kind, up: upQueries.map(unprefixed), down: downQueries.map(unprefixed).toReversed() });
      }
      return found;
    } finally {
      await withAdmin(database.adminUrl, (client) => removeInstallation(client, scratch.schemaPrefix));
    }
  }, scratch);
}
