import { Client } from 'pg';
import { Database, newestMigration, withAdmin } from '@app/database';
import { findTenant, registryOf } from './registry';
import { TenantConflict } from './tenant-errors';

/** Shuts a tenant out, and keeps its data. Its migrations go on, so that it can be let in at any time. */
export async function suspendTenant(database: Database, name: string): Promise<void> {
  await withAdmin(database.adminUrl, async (client) => {
    if (await change(client, database, name, `'suspended'`, `status = 'active'`)) return;
    const { status } = await findTenant(client, database, name);
    if (status !== 'suspended')
      throw new TenantConflict(`Tenant ${name} is ${status}: only one that is active can be suspended.`);
  });
}

/** Lets a suspended tenant in again, unless its schema is behind this release. */
export async function resumeTenant(database: Database, name: string): Promise<void> {
  const newest = newestMigration(database.sets.tenant);
  await withAdmin(database.adminUrl, async (client) => {
    if (await change(client, database, name, `'active'`, `status = 'suspended' AND migrated_to >= ${newest}`)) return;
    const { status, error } = await findTenant(client, database, name);
    if (status === 'suspended') {
      const reason = error ? ` Its migration failed: ${error}` : '';
      throw new TenantConflict(
        `Tenant ${name} is behind this release, so it stays suspended: run npm run cli -- migrate.${reason}`,
      );
    }
    if (status !== 'active')
      throw new TenantConflict(`Tenant ${name} is ${status}: only one that is suspended can be resumed.`);
  });
}

async function change(
  client: Client,
  database: Database,
  name: string,
  status: string,
  condition: string,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE ${registryOf(database)} SET status = ${status}, updated_at = now(), version = version + 1
      WHERE name = $1 AND ${condition}`,
    [name],
  );
  return rowCount === 1;
}
