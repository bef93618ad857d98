import { escapeIdentifier } from 'pg';
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
import { completeDeletion } from './delete-tenant';
import { migrateTenants } from './fan-out';
import { Follow } from './follow';
import { makeKeys } from './keys.service';
import { RegisteredTenant, tenantsWhere } from './registry';

/**
 * Brings the whole installation up to date while no other process does: roles, the platform's schema and keys, deletions
 * that were not completed, then every tenant behind. A tenant whose migration fails is set aside (503 for
 * it alone) and tried again the next time. `follow` is told of the tenants instead of `announce`, failures apart.
 */
export async function migrateAll(database: Database, announce: Announce, follow?: Follow): Promise<void> {
  await withMigrationLock(database, announce, async () => {
    await ensureRoles(database);
    await ensureExtensions(database);
    const ran = await runMigrations(database, 'platform', database.names.platform);
    for (const name of ran) announce(`Migrated the platform: ${name}.`);
    if (ran.length && database.hasRoles) await protectRecords(database);
    await makeKeys(database);
    for (const migrate of database.sets.libraries ?? []) await migrate(database, announce);

    const tenants = await unfinished(database);
    const deleting = tenants.filter(({ status }) => status === 'deleting');
    await completeDeletions(database, deleting, announce);
    const newest = newestMigration(database.sets.tenant);
    const behind = tenants.filter(
      ({ status, migratedTo }) => migratedTo < newest && !['provisioning', 'deleting'].includes(status),
    );
    await migrateTenants(database, behind, announce, follow);
  });
}

/** What has been migrated is the owner's to write; the application only reads it, to know whether it is ready. */
async function protectRecords(database: Database): Promise<void> {
  const { app, platform } = database.names;
  await withDataSource(database, 'platform', platform, (dataSource) =>
    dataSource.query(`REVOKE INSERT, UPDATE, DELETE ON migrations FROM ${escapeIdentifier(app)}`),
  );
}

/** The tenants there is something to do for: all that a start asks of the registry when there is nothing. */
const unfinished = (database: Database): Promise<RegisteredTenant[]> =>
  withAdmin(database.adminUrl, (client) =>
    tenantsWhere(client, database, `status = 'deleting' OR migrated_to < $1`, [newestMigration(database.sets.tenant)]),
  );

async function completeDeletions(database: Database, tenants: RegisteredTenant[], announce: Announce): Promise<void> {
  for (const tenant of tenants) {
    try {
      await withAdmin(database.adminUrl, (client) => completeDeletion(client, database, tenant));
      announce(`Deleted tenant ${tenant.name}, as had been begun.`);
    } catch (error) {
      announce(`Tenant ${tenant.name} could not be deleted: ${(error as Error).message}`);
    }
  }
}
