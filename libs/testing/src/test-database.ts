import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { Settings } from '@app/config';
import { Announce, Database, MigrationSets, openDatabase, removeInstallation, withAdmin } from '@app/database';

const PREFIX = /^z[0-9a-z]{8}_$/; // short enough for SCHEMA_PREFIX, and nothing a person would choose

/** A prefix no other test has: its schemas and roles are this test's alone. */
export const freshPrefix = (): string =>
  `z${BigInt(`0x${randomBytes(6).toString('hex')}`)
    .toString(36)
    .padStart(8, '0')
    .slice(-8)}_`;

/** Opens the database the tests may use. Throws for one that was not made for tests. */
export async function openTestDatabase(settings: Settings, sets: MigrationSets, announce: Announce): Promise<Database> {
  refuseOtherDatabases(settings);
  return openDatabase(settings, sets, announce);
}

/** Tests write, drop and lock as they like, so they only touch a database whose name says it was made for that. */
export function refuseOtherDatabases({ databaseUrl }: Settings): void {
  const name = databaseUrl && new URL(databaseUrl).pathname.slice(1);
  if (name !== undefined && !name.endsWith('_test')) {
    throw new Error(
      `The tests do not touch the database "${name}": name one in DATABASE_URL that ends in _test, or unset it.`,
    );
  }
}

/** Says that the schemas of `prefix` are in use, for as long as the connection it gives lives: a killed run frees them. */
export async function claim(adminUrl: string, prefix: string): Promise<Client> {
  const client = new Client({ connectionString: adminUrl, application_name: `test ${prefix}` });
  client.on('error', () => undefined); // a fault test may end the server under us
  await client.connect();
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [lockName(prefix)]);
  return client;
}

/** An empty database of a test's own, for what a whole database is needed for. */
export interface ScratchDatabase {
  url: string;
  /** For its roles, which belong to the server and not to the database. */
  prefix: string;
  drop(): Promise<void>;
}

/** Makes an empty database beside the one the tests share. */
export async function makeDatabase(adminUrl: string): Promise<ScratchDatabase> {
  const prefix = freshPrefix();
  const claimed = await claim(adminUrl, prefix);
  const url = new URL(adminUrl);
  url.pathname = `/${prefix}test`;
  await claimed.query(`CREATE DATABASE ${prefix}test`);
  const drop = async () => {
    await removeAll(claimed, prefix);
    await claimed.end();
  };
  return { url: url.href, prefix, drop };
}

/** Drops what runs that are over, killed ones too, have left behind. */
export async function sweep(adminUrl: string): Promise<void> {
  await withAdmin(adminUrl, async (client) => {
    for (const prefix of await prefixesIn(client)) {
      const { rows } = await client.query<{ free: boolean }>(
        'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS free',
        [lockName(prefix)],
      );
      if (!rows[0].free) continue;
      await removeAll(client, prefix);
      await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [lockName(prefix)]);
    }
  });
}

async function removeAll(client: Client, prefix: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${prefix}test WITH (FORCE)`);
  await removeInstallation(client, prefix);
}

/** The prefixes of tests that the server holds schemas, roles or databases of. */
export async function prefixesIn(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace UNION SELECT rolname FROM pg_roles UNION SELECT datname FROM pg_database`,
  );
  return [...new Set(rows.map(({ name }) => name.slice(0, 10)).filter((prefix) => PREFIX.test(prefix)))];
}

const lockName = (prefix: string): string => `test run ${prefix}`;
