import { Client, escapeIdentifier } from 'pg';
import {
  Announce,
  Database,
  ensureExtensions,
  ensureRoles,
  newestMigration,
  runMigrations,
  withAdmin,
  withDataSource,
  withMigrationLock,
} from '@app/database';
import { makeKeys } from './keys.service';
import { provisionTenant } from './provisioning';

export const DEMO_TENANT = 'demo';

interface Pending {
  id: string;
  name: string;
  schemaName: string;
}

/**
 * Brings the whole installation up to date while no other process does: roles, the platform's schema and keys, the tenant `demo`,
 * then every tenant behind. A tenant whose migration fails is set aside (503 for it alone) and tried again the next time.
 */
export async function migrateAll(database: Database, announce: Announce): Promise<void> {
  await withMigrationLock(database, announce, async () => {
    await ensureRoles(database);
    await ensureExtensions(database);
    const ran = await runMigrations(database, 'platform', database.names.platform);
    for (const name of ran) announce(`Migrated the platform: ${name}.`);
    if (ran.length && database.hasRoles) await protectRecords(database);
    await makeKeys(database);
    await provisionTenant(database, DEMO_TENANT);
    await migrateTenants(database, announce);
  });
}

/** What has been migrated is the owner's to write; the application only reads it, to know whether it is ready. */
async function protectRecords(database: Database): Promise<void> {
  const { app, platform } = database.names;
  await withDataSource(database, 'platform', platform, (dataSource) =>
    dataSource.query(`REVOKE INSERT, UPDATE, DELETE ON migrations FROM ${escapeIdentifier(app)}`),
  );
}

async function migrateTenants(database: Database, announce: Announce): Promise<void> {
  const newest = newestMigration(database.sets.tenant);
  await withAdmin(database.adminUrl, async (client) => {
    const table = `${client.escapeIdentifier(database.names.platform)}.tenant`;
    for (const tenant of await behind(client, table, newest)) {
      try {
        const ran = await runMigrations(database, 'tenant', tenant.schemaName);
        await client.query(
          `UPDATE ${table} SET status = 'active', migrated_to = $2, error = NULL, updated_at = now(), version = version + 1 WHERE id = $1`,
          [tenant.id, newest],
        );
        announce(`Migrated tenant ${tenant.name}: ${ran.join(', ') || 'nothing was pending'}.`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        await client.query(
          `UPDATE ${table} SET status = 'migration_failed', error = $2, updated_at = now(), version = version + 1 WHERE id = $1`,
          [tenant.id, reason],
        );
        announce(`Set tenant ${tenant.name} aside, its migration failed: ${reason}`);
      }
    }
  });
}

async function behind(client: Client, table: string, newest: number): Promise<Pending[]> {
  const { rows } = await client.query<Pending>(
    `SELECT id, name, schema_name AS "schemaName" FROM ${table}
      WHERE migrated_to < $1 AND status IN ('active', 'migration_failed') ORDER BY id`,
    [newest],
  );
  return rows;
}
