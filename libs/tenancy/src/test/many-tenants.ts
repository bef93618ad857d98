import { admin, database, FIRST } from './premises';

const AT_ONCE = 100; // each locks some ten relations until the statement ends, and Postgres has 6,400 locks at least

/** Tenants with an empty table `thing`, migrated to FIRST: made from outside, which takes milliseconds each. */
export async function makeTenants(names: string[]): Promise<void> {
  const { platform, owner } = database.names;
  for (let start = 0; start < names.length; start += AT_ONCE) {
    const some = names.slice(start, start + AT_ONCE);
    const schemas = some.map((name) => database.names.tenantSchema(name));
    const statements = schemas.map(
      (schema) =>
        `CREATE SCHEMA ${schema} AUTHORIZATION ${owner}
           CREATE TABLE ${schema}.thing (id int)
           CREATE TABLE ${schema}.migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL);
         INSERT INTO ${schema}.migrations (timestamp, name) VALUES (${FIRST}, 'Change${FIRST}')`,
    );
    await admin.query(statements.join(';'));
    await admin.query(
      `INSERT INTO ${platform}.tenant (id, name, title, schema_name, status, migrated_to, version)
        SELECT gen_random_uuid(), name, name, schema, 'active', ${FIRST}, 1 FROM unnest($1::text[], $2::text[]) AS t (name, schema)`,
      [some, schemas],
    );
  }
}

/** Where each of these tenants stands, and which transaction last wrote that down. */
export async function standing(names: string[]): Promise<Record<string, { status: string; migratedTo: number }>> {
  const { rows } = await admin.query<{ name: string; status: string; migratedTo: number }>(
    `SELECT name, status, migrated_to::float8 AS "migratedTo", xmin::text FROM ${database.names.platform}.tenant WHERE name = ANY ($1)`,
    [names],
  );
  return Object.fromEntries(rows.map(({ name, ...rest }) => [name, rest]));
}
