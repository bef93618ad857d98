import { escapeIdentifier as quote, type Client } from 'pg';
import { Database, withAdmin } from '@app/database';
import type { TenantStatus } from './tenant.entity';
import { NoSuchTenant } from './tenant-errors';

/** A tenant as the registry has it. */
export interface RegisteredTenant {
  id: string;
  name: string;
  title: string;
  schemaName: string;
  roleName: string | null;
  status: TenantStatus;
  /** The timestamp of the newest migration its schema has. */
  migratedTo: number;
  error: string | null;
  cluster: string;
}

const COLUMNS = `id, name, title, schema_name AS "schemaName", role_name AS "roleName", status,
  migrated_to::float8 AS "migratedTo", error, cluster`; // milliseconds fit a double

/** The table of tenants, as SQL names it. */
export const registryOf = ({ names }: Database): string => `${quote(names.platform)}.tenant`;

/** Every tenant, by name. */
export const listTenants = (database: Database): Promise<RegisteredTenant[]> =>
  withAdmin(database.adminUrl, (client) => tenantsWhere(client, database, 'true', []));

/** The tenant called `name`. Throws when there is none. */
export async function findTenant(client: Client, database: Database, name: string): Promise<RegisteredTenant> {
  const [found] = await tenantsWhere(client, database, 'name = $1', [name]);
  if (!found) throw new NoSuchTenant(name);
  return found;
}

/** The tenants of which `condition` holds, by name. */
export async function tenantsWhere(
  client: Client,
  database: Database,
  condition: string,
  values: unknown[],
): Promise<RegisteredTenant[]> {
  const { rows } = await client.query<RegisteredTenant>(
    `SELECT ${COLUMNS} FROM ${registryOf(database)} WHERE ${condition} ORDER BY name`,
    values,
  );
  return rows;
}

/** What a title consists of: it stands in the mails we write, where nobody is to add a line. */
export const ONE_LINE = /^[^\p{Cc}\p{Zl}\p{Zp}]*\S[^\p{Cc}\p{Zl}\p{Zp}]*$/u;

/** Refuses a title that is empty or longer than a line. */
export function checkTitle(title: string): string {
  if ([...title].length > 100 || !ONE_LINE.test(title))
    throw new Error('The title of a tenant is one line of 1 to 100 characters.');
  return title;
}
