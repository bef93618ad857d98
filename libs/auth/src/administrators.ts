import { Settings } from '@app/config';
import { Database, newId, withAdmin } from '@app/database';
import { provisionTenant, SINGLE_TENANT } from '@app/tenancy';
import { normalized } from './logins/login.entity';
import { accountLink } from './mail/account-link';
import { digestOf, HOUR, inTime, newSecret } from './secrets';

/**
 * Makes the login of `email` a platform administrator, and the login itself if there is none; with TENANCY=single an owner of
 * the tenant as well. Gives the link to choose its password with, within an hour: there is no way to become one over HTTP.
 */
export async function makeAdministrator(database: Database, settings: Settings, email: string): Promise<string> {
  const token = newSecret();
  if (settings.hasOneTenant) await provisionTenant(database, SINGLE_TENANT);
  await withAdmin(database.adminUrl, async (client) => {
    const table = (name: string) => `${client.escapeIdentifier(database.names.platform)}.${name}`;
    await client.query(
      `INSERT INTO ${table('login')} AS known (id, email, is_platform_admin, version) VALUES ($1, $2, true, 1)
       ON CONFLICT (email) DO UPDATE SET is_platform_admin = true, updated_at = now(), version = known.version + 1`,
      [newId(), normalized(email)],
    );
    if (settings.hasOneTenant) {
      await client.query(
        `INSERT INTO ${table('membership')} (id, login_id, tenant_id, role, version)
         SELECT $1, l.id, t.id, 'owner', 1 FROM ${table('login')} AS l, ${table('tenant')} AS t
          WHERE l.email = $2 AND t.name = $3
         ON CONFLICT (login_id, tenant_id) DO UPDATE SET role = 'owner'`,
        [newId(), normalized(email), SINGLE_TENANT],
      );
    }
    await client.query(`INSERT INTO ${table('password_reset')} (token_hash, email, expires_at) VALUES ($1, $2, $3)`, [
      digestOf(token),
      normalized(email),
      inTime(HOUR),
    ]);
  });
  return accountLink(settings, 'reset', normalized(email), token);
}

/** Makes the login of `email` a login like any other, within five seconds in every process. Throws when it was no administrator. */
export async function dismissAdministrator(database: Database, email: string): Promise<void> {
  const { rowCount } = await withAdmin(database.adminUrl, (client) =>
    client.query(
      `UPDATE ${client.escapeIdentifier(database.names.platform)}.login
          SET is_platform_admin = false, updated_at = now(), version = version + 1
        WHERE email = $1 AND is_platform_admin`,
      [normalized(email)],
    ),
  );
  if (!rowCount) throw new Error(`${email} does not administer the platform.`);
}
