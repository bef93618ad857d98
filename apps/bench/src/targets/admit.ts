import { newApiKey } from '@app/auth';
import { Database, newId, withAdmin } from '@app/database';
import { provisionTenant } from '@app/tenancy';

/** Makes a tenant with an owner, and gives an API key of theirs: an access token would expire during a run. */
export async function admit(database: Database, tenant: string): Promise<string> {
  await provisionTenant(database, tenant);
  const [login, { id, secretHash, key }] = [newId(), newApiKey()];
  await withAdmin(database.adminUrl, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM ${database.names.platform}.tenant WHERE name = $1`,
      [tenant],
    );
    const insert = (table: string, columns: string, values: unknown[]) =>
      client.query(
        `INSERT INTO ${database.names.platform}.${table} (version, ${columns})
         VALUES (1, ${values.map((_, n) => `$${n + 1}`).join(', ')})`,
        values,
      );
    await insert('login', 'id, email', [login, `${login}@example.com`]);
    await insert('membership', 'id, login_id, tenant_id, role', [newId(), login, rows[0].id, 'owner']);
    const scopes = ['*:read', '*:write', '*:delete'];
    const values = [id, login, rows[0].id, 'bench', secretHash, scopes];
    await insert('api_key', 'id, login_id, tenant_id, name, secret_hash, scopes', values);
  });
  return key;
}
