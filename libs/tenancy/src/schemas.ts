import { escapeIdentifier as quote } from 'pg';
import { Database, SchemaKind, withAdmin } from '@app/database';
import { NoSuchTenant } from './tenant-errors';

/** A schema that migrations change: the platform's, or a tenant's. */
export interface MigratedSchema {
  kind: SchemaKind;
  name: string;
  schema: string;
}

/** The platform's schema and every tenant's, as the registry has them. */
export async function allSchemas({ names, adminUrl }: Database): Promise<MigratedSchema[]> {
  const { rows } = await withAdmin(adminUrl, (client) =>
    client.query<{ name: string; schema: string }>(
      `SELECT name, schema_name AS schema FROM ${quote(names.platform)}.tenant ORDER BY name`,
    ),
  );
  return [
    { kind: 'platform', name: 'platform', schema: names.platform },
    ...rows.map(({ name, schema }) => ({ kind: 'tenant' as const, name, schema })),
  ];
}

/** The schema of the tenant called `name`. Throws when there is none. */
export async function tenantSchema(database: Database, name: string): Promise<MigratedSchema> {
  const found = (await allSchemas(database)).find((schema) => schema.kind === 'tenant' && schema.name === name);
  if (!found) throw new NoSuchTenant(name);
  return found;
}

/** Writes down in the registry how far a tenant's schema has come. */
export async function noteMigratedTo({ names, adminUrl }: Database, name: string, timestamp: number): Promise<void> {
  await withAdmin(adminUrl, (client) =>
    client.query(
      `UPDATE ${quote(names.platform)}.tenant SET migrated_to = $2, updated_at = now(), version = version + 1 WHERE name = $1`,
      [name, timestamp],
    ),
  );
}
