import { Settings } from '@app/config';
import { Database, newId, withAdmin } from '@app/database';
import { normalized } from './logins/login.entity';
import { digestOf, HOUR, inTime, newSecret } from './secrets';

/**
 * Makes the login of `email` a platform administrator, and the login itself if there is none. Gives the link to choose its
 * password with, within an hour: there is no way to become one over HTTP.
 */
export async function makeAdministrator(database: Database, settings: Settings, email: string): Promise<string> {
  const token = newSecret();
  await withAdmin(database.adminUrl, async (client) => {
    const table = (name: string) => `${client.escapeIdentifier(database.names.platform)}.${name}`;
    await client.query(
      `INSERT INTO ${table('login')} AS known (id, email, is_platform_admin, version) VALUES ($1, $2, true, 1)
       ON CONFLICT (email) DO UPDATE SET is_platform_admin = true, updated_at = now(), version = known.version + 1`,
      [newId(), normalized(email)],
    );
    await client.query(`INSERT INTO ${table('password_reset')} (token_hash, email, expires_at) VALUES ($1, $2, $3)`, [
      digestOf(token),
      normalized(email),
      inTime(HOUR),
    ]);
  });
  return `${settings.baseUrl}/account#reset=${token}`;
}
