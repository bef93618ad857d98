import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import type { QueryRunner } from 'typeorm';
import { Database, withAdmin } from './database';
import { postgresError } from './database-errors';

/** What the application's login may never do: see a schema it has not switched to, or hold on to the server for ever. */
const LIMITS = [`search_path = ''`, `statement_timeout = '60s'`, `idle_in_transaction_session_timeout = '60s'`];

/**
 * Creates what is missing of the roles every installation has and of the platform schema, and nothing when all is there.
 * Throws the statements to type when the login may not create roles.
 */
export async function ensureRoles(database: Database): Promise<void> {
  const { names, adminUrl, hasRoles } = database;
  await withAdmin(adminUrl, (client) =>
    whileRolesRace(async () => {
      if (hasRoles) await createRoles(client, database);
      const { rowCount } = await client.query(
        `SELECT FROM pg_namespace WHERE nspname = $1 AND ($2::text IS NULL OR has_schema_privilege($2, oid, 'USAGE'))`,
        [names.platform, hasRoles ? names.app : null],
      );
      if (!rowCount) await createPlatform(client, database);
    }),
  );
  if (hasRoles) await proveLogin(database);
}

/** Drops every schema and role whose name begins with `prefix`, and all that is in them. For scratch installations. */
export async function removeInstallation(client: Client, prefix: string): Promise<void> {
  if (!prefix)
    throw new Error('An installation without SCHEMA_PREFIX is not removed by a function: drop its database.');
  const { rows: schemas } = await client.query<{ name: string }>(
    'SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, $1)',
    [prefix],
  );
  for (const { name } of schemas) await client.query(`DROP SCHEMA IF EXISTS ${client.escapeIdentifier(name)} CASCADE`);

  const { rows: roles } = await client.query<{ name: string }>(
    'SELECT rolname AS name FROM pg_roles WHERE starts_with(rolname, $1)',
    [prefix],
  );
  for (const { name } of roles) {
    await whileRolesRace(async () => {
      await client.query(`DROP OWNED BY ${client.escapeIdentifier(name)}`);
      await client.query(`DROP ROLE IF EXISTS ${client.escapeIdentifier(name)}`);
    });
  }
}

/** Runs role DDL, again when it met another's: the catalogs of a whole server know no lock to wait for. */
export async function whileRolesRace<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      // XX000 "tuple concurrently updated"; 42710, 23505, 42P06: the role or schema was created meanwhile.
      if (attempt === 10 || !['XX000', '42710', '23505', '42P06'].includes(postgresError(error)?.code ?? ''))
        throw error;
      await wait(20 + Math.random() * 80);
    }
  }
}

/** For a migration: the schema it changes, who owns what it makes, and who erases, which is the same where there are no roles. */
export async function surroundingsOf(runner: QueryRunner): Promise<{ schema: string; owner: string; eraser: string }> {
  const [found] = await runner.query(`
    SELECT current_schema() AS schema, current_user AS owner, coalesce(
      (SELECT rolname FROM pg_roles WHERE current_user ~ 'owner$' AND rolname = regexp_replace(current_user, 'owner$', 'eraser')),
      current_user) AS eraser`);
  return found;
}

async function createRoles(client: Client, { names, appUrl }: Database): Promise<void> {
  const wanted = [names.owner, names.app, names.eraser];
  const { rows } = await client.query<{ name: string }>(
    'SELECT rolname AS name FROM pg_roles WHERE rolname = ANY($1)',
    [wanted],
  );
  const missing = wanted.filter((role) => !rows.some(({ name }) => name === role));
  if (missing.length) await refuseIfPowerless(client, missing);

  for (const role of missing) {
    const id = client.escapeIdentifier(role);
    const login =
      role === names.app ? `LOGIN NOINHERIT PASSWORD ${client.escapeLiteral(passwordIn(appUrl))}` : 'NOLOGIN';
    const statements = [
      `CREATE ROLE ${id} ${login}`,
      // Who may create roles may still not create a schema for one, unless it may become that role.
      `GRANT ${id} TO CURRENT_USER WITH SET TRUE`,
      ...(role === names.app ? LIMITS.map((limit) => `ALTER ROLE ${id} SET ${limit}`) : []),
    ];
    await client.query(statements.join('; ')); // one message, one transaction: a role is never left half made
  }
}

/** The platform's schema, in one message and so in one transaction: where it is, all of this is. */
async function createPlatform(client: Client, { names, hasRoles }: Database): Promise<void> {
  const [platform, owner, app] = [names.platform, names.owner, names.app].map((id) => client.escapeIdentifier(id));
  await client.query(
    hasRoles
      ? `CREATE SCHEMA IF NOT EXISTS ${platform} AUTHORIZATION ${owner};
         GRANT USAGE ON SCHEMA ${platform} TO ${app};
         ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${platform}
           GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app}`
      : `CREATE SCHEMA IF NOT EXISTS ${platform}`,
  );
}

async function refuseIfPowerless(client: Client, missing: string[]): Promise<void> {
  const { rows } = await client.query<{ login: string; database: string; powerful: boolean }>(
    `SELECT current_user AS login, current_database() AS database,
            rolsuper OR rolcreaterole AND has_database_privilege(current_database(), 'CREATE') AS powerful
       FROM pg_roles WHERE rolname = current_user`,
  );
  const { login, database, powerful } = rows[0];
  if (powerful) return;
  throw new Error(
    [
      `The login "${login}" may not create the roles ${missing.join(', ')} and their schemas. As a superuser, type:`,
      `  ALTER ROLE "${login}" CREATEROLE;`,
      `  GRANT CREATE ON DATABASE "${database}" TO "${login}";`,
      'or set DATABASE_ADMIN_URL to a login that may, or TENANT_ROLES=off (tenants are then kept apart by schema alone).',
    ].join('\n'),
  );
}

/** Connects as the application once; its password may have changed since its role was made. */
async function proveLogin({ appUrl, adminUrl, names }: Database): Promise<void> {
  try {
    await withAdmin(appUrl, refuseSuperuser);
  } catch (error) {
    if (postgresError(error)?.code !== '28P01') throw error;
    await withAdmin(adminUrl, (client) =>
      client.query(
        `ALTER ROLE ${client.escapeIdentifier(names.app)} PASSWORD ${client.escapeLiteral(passwordIn(appUrl))}`,
      ),
    );
    await withAdmin(appUrl, refuseSuperuser);
  }
}

async function refuseSuperuser(client: Client): Promise<void> {
  const { rows } = await client.query<{ login: string }>(
    'SELECT rolname AS login FROM pg_roles WHERE rolname = current_user AND rolsuper',
  );
  if (rows.length) {
    throw new Error(
      `The application may not connect as the superuser "${rows[0].login}", whom no role holds back: ` +
        'put another login into DATABASE_URL. It is created if it does not exist.',
    );
  }
}

const passwordIn = (url: string): string => decodeURIComponent(new URL(url).password);
