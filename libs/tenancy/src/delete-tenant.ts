import { escapeIdentifier as quote, type Client } from 'pg';
import { Database, isRetryable, whileRolesRace, withAdmin } from '@app/database';
import { findTenant, RegisteredTenant, registryOf } from './registry';

const ATTEMPTS = 3; // a request that still runs may hold what is dropped, and want what is dropped already

/**
 * Deletes a tenant and everything of it. Nobody is served as soon as it is called `deleting`; a process killed anywhere after
 * that leaves the rest to the next call, or to the next start.
 */
export async function deleteTenant(database: Database, name: string): Promise<void> {
  await withAdmin(database.adminUrl, async (client) => {
    await client.query(
      `UPDATE ${registryOf(database)} SET status = 'deleting', updated_at = now(), version = version + 1
        WHERE name = $1 AND status <> 'deleting'`,
      [name],
    );
    await completeDeletion(client, database, await findTenant(client, database, name));
  });
}

/** Drops schema, role and entry of a tenant that is `deleting`, in one transaction. */
export async function completeDeletion(
  client: Client,
  database: Database,
  { id, schemaName, roleName }: RegisteredTenant,
): Promise<void> {
  const dropAll = () =>
    inTransaction(client, async () => {
      const { rowCount } = await client.query(`SELECT FROM ${registryOf(database)} WHERE id = $1 FOR UPDATE`, [id]);
      if (!rowCount) return; // another process was faster
      await client.query(`DROP SCHEMA IF EXISTS ${quote(schemaName)} CASCADE`);
      if (roleName) await dropRole(client, roleName);
      await client.query(`DELETE FROM ${registryOf(database)} WHERE id = $1`, [id]);
    });
  for (let attempt = 1; ; attempt++) {
    try {
      return await whileRolesRace(dropAll);
    } catch (error) {
      if (attempt === ATTEMPTS || !isRetryable(error)) throw error;
    }
  }
}

async function dropRole(client: Client, role: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  if (!rowCount) return;
  // Who made a role may drop it, but its rights only as one of its members.
  await client.query(`GRANT ${quote(role)} TO CURRENT_USER WITH INHERIT TRUE`);
  await client.query(`DROP OWNED BY ${quote(role)}`);
  await client.query(`DROP ROLE ${quote(role)}`);
}

async function inTransaction(client: Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // the connection may be what failed
    throw error;
  }
}
