import { escapeIdentifier as quote } from 'pg';
import { DataSource, QueryRunner } from 'typeorm';
import {
  Database,
  newestMigration,
  newId,
  runMigrationsInside,
  whileRolesRace,
  withAdmin,
  withDataSource,
} from '@app/database';
import { checkTitle, findTenant, registryOf } from './registry';

/**
 * Makes the tenant called `name`, which is for `title`: its entry in the registry, then its role, schema and tables in one
 * transaction, so that a process killed anywhere leaves either nothing or a tenant still `provisioning`, which the next call
 * completes.
 */
export async function provisionTenant(database: Database, name: string, title: string = name): Promise<void> {
  const { names, hasRoles } = database;
  const schema = names.tenantSchema(name);
  const role = hasRoles ? names.tenantRole(name) : null;
  const registry = registryOf(database);
  checkTitle(title);

  const isNew = await withAdmin(database.adminUrl, async (client) => {
    await client.query(
      `INSERT INTO ${registry} (id, name, title, schema_name, role_name, version) VALUES ($1, $2, $3, $4, $5, 1)
        ON CONFLICT DO NOTHING`,
      [newId(), name, title, schema, role],
    );
    return (await findTenant(client, database, name)).status === 'provisioning';
  });
  if (!isNew) return;

  await withDataSource(database, 'tenant', schema, (dataSource) =>
    whileRolesRace(() =>
      dataSource.transaction(async ({ queryRunner }) => {
        const runner = queryRunner!;
        // Whoever else provisions or deletes it waits here, and finds it done.
        const [entry] = await runner.query(
          `SELECT id FROM ${registry} WHERE name = $1 AND status = 'provisioning' FOR UPDATE`,
          [name],
        );
        if (!entry) return;
        await makeSchema(runner, database, schema, role);
        await makeTables(dataSource, runner, role);
        await runner.query(
          `UPDATE ${registry} SET status = 'active', migrated_to = $2, updated_at = now(), version = version + 1
            WHERE id = $1`,
          [entry.id, newestMigration(database.sets.tenant)],
        );
      }),
    ),
  );
}

/** Makes a tenant's schema, and the role that may use it but not change it. */
export async function makeSchema(
  runner: QueryRunner,
  { names }: Database,
  schema: string,
  role: string | null,
): Promise<void> {
  if (!role) {
    await runner.query(`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`);
    return;
  }
  await runner.query('SET LOCAL ROLE NONE'); // roles and schemas are made by the administrator
  const exists = await runner.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  if (!exists.length) await runner.query(`CREATE ROLE ${quote(role)} NOLOGIN`);
  await runner.query(`GRANT ${quote(role)} TO ${quote(names.app)} WITH INHERIT FALSE, SET TRUE`);
  await runner.query(`CREATE SCHEMA IF NOT EXISTS ${quote(schema)} AUTHORIZATION ${quote(names.owner)}`);
  await runner.query(`SET LOCAL ROLE ${quote(names.owner)}`);
  await runner.query(`GRANT USAGE ON SCHEMA ${quote(schema)} TO ${quote(role)}`);
  await runner.query(
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${quote(schema)} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${quote(role)}`,
  );
  await runner.query(
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${quote(schema)} GRANT USAGE, SELECT ON SEQUENCES TO ${quote(role)}`,
  );
}

/** Fills a new schema by all migrations. */
export async function makeTables(dataSource: DataSource, runner: QueryRunner, role: string | null): Promise<void> {
  await runMigrationsInside(dataSource, runner);
  // What a schema has been migrated to is the owner's to say, not the tenant's.
  if (role) await runner.query(`REVOKE ALL ON migrations FROM ${quote(role)}`);
}
