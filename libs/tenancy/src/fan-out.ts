import { Client } from 'pg';
import { Announce, Database, newestMigration, runMigrations, withAdmin } from '@app/database';
import { FanOutReport } from './fan-out-report';
import { Follow } from './follow';
import { registryOf, RegisteredTenant } from './registry';

const AT_ONCE = 4; // measured on two cores: 39 tenants a second one by one, 58 by two, 66 by four, 67 by eight

/**
 * Migrates these tenants, several at a time, and notes of each at once how far it has come: after a kill the next call does
 * the others. One whose migration fails is set aside. Who is suspended stays so, but never falls behind.
 */
export async function migrateTenants(
  database: Database,
  tenants: RegisteredTenant[],
  announce: Announce,
  follow?: Follow,
): Promise<void> {
  if (!tenants.length) return;
  const report = new FanOutReport(tenants.length, announce, follow);
  const waiting = [...tenants];
  const worker = (): Promise<void> =>
    withAdmin(database.adminUrl, async (client) => {
      for (let tenant = waiting.shift(); tenant; tenant = waiting.shift())
        await migrateTenant(client, database, tenant, report);
    }).catch((error: Error) => {
      waiting.length = 0; // without a registry there is nothing the others could note either
      throw error;
    });
  const workers = Array.from({ length: Math.min(AT_ONCE, tenants.length) }, worker);
  for (const outcome of await Promise.allSettled(workers)) if (outcome.status === 'rejected') throw outcome.reason;
  report.finish();
}

async function migrateTenant(
  client: Client,
  database: Database,
  { id, name, schemaName }: RegisteredTenant,
  report: FanOutReport,
): Promise<void> {
  const note = async (changes: string, ...values: unknown[]): Promise<boolean> => {
    const { rowCount } = await client.query(
      `UPDATE ${registryOf(database)} SET ${changes}, updated_at = now(), version = version + 1
        WHERE id = $1 AND status <> 'deleting'`,
      [id, ...values],
    );
    return rowCount === 1;
  };
  try {
    const ran = await runMigrations(database, 'tenant', schemaName);
    await note(
      `status = CASE status WHEN 'migration_failed' THEN 'active' ELSE status END, migrated_to = $2, error = NULL`,
      newestMigration(database.sets.tenant),
    );
    report.succeeded(name, ran);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const isThere = await note(
      `status = CASE status WHEN 'active' THEN 'migration_failed' ELSE status END, error = $2`,
      reason,
    );
    if (isThere) report.setAside(name, reason); // else someone deletes it meanwhile
  }
}
