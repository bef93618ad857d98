import { escapeIdentifier as quote } from 'pg';
import { QueryRunner } from 'typeorm';
import {
  Database,
  newestMigration,
  newId,
  runMigrationsInside,
  whileRolesRace,
  withAdmin,
  withDataSource,
} from '@app/database';

/**
 * Makes the tenant called `name`: its entry in the registry, then its role, schema and tables in one transaction, so that a
 * process killed anywhere leaves either nothing or a tenant still `provisioning`, which the next call completes.
 */
export async function provisionTenant(database: Database, name: string, title: string = name): Promise<void> {
  const { names, hasRoles } = database;
  const schema = names.tenantSchema(name);
  const role = hasRoles ? names.tenantRole(name) : null;

  const isNew = await withAdmin(database.adminUrl, async (client) => {
    const table = `${quote(names.platform)}.tenant`;
    await client.query(
      `INSERT INTO ${table} (id, name, title, schema_name, role_name, version) VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT DO NOTHING`,
      [newId(), name, title, schema, role],
    );
    const { rows } = await client.query<{ status: string }>(`SELECT status FROM ${table} WHERE name = $1`, [name]);
    return rows[0].status === 'provisioning';
  });
  if (!isNew) return;

  await withDataSource(database, 'tenant', schema, (dataSource) =>
    whileRolesRace(() =>
      dataSource.transaction(async ({ queryRunner }) => {
        const runner = queryRunner!;
        await makeSchema(runner, database, schema, role);
        await runMigrationsInside(dataSource, runner);
        // What a schema has been migrated to is the owner's to say, not the tenant's.
        if (role) await runner.query(`REVOKE ALL ON migrations FROM ${quote(role)}`);
        await runner.query(
          `UPDATE ${quote(names.platform)}.tenant SET status = 'active', migrated_to = $2, updated_at = now(), version = version + 1
            WHERE name = $1`,
          [name, newestMigration(database.sets.tenant)],
        );
      }),
    ),
  );
}

async function makeSchema(
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
