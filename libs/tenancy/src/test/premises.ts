import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { Database, MigrationSets, removeInstallation, withAdmin } from '@app/database';
import { claim, freshPrefix, openTestDatabase, testSettings, until } from '@app/testing';
import { migrateAll } from '../migrate-all';
import { provisionTenant } from '../provisioning';

export const FIRST = 1_800_000_000_001;
export const SECOND = 1_800_000_000_002;
export const silently = () => undefined;

export let folder: string;
export let database: Database;
export let admin: Client;

/** Gives the tests of a file an installation of their own, whose tenants have the migrations that `prepare` writes. */
export function usePremises(prepare: () => void, env: NodeJS.ProcessEnv = {}): void {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'migrations-'));
    prepare();
    const settings = testSettings({ SCHEMA_PREFIX: freshPrefix(), ...env });
    database = await openTestDatabase(settings, release(SECOND), silently);
    admin = await claim(database.adminUrl, database.names.prefix);
    await migrateAll(of(FIRST), silently);
    await provisionTenant(of(FIRST), 'demo');
  });
  afterAll(async () => {
    await removeInstallation(admin, database.names.prefix);
    await admin.end();
    await database.release();
    rmSync(folder, { recursive: true });
  });
}

/** A migration of tenants that runs `statements`, none of them in a transaction of TypeORM's where one is CONCURRENTLY. */
export function write(timestamp: number, ...statements: string[]): void {
  const transaction = statements.some((text) => text.includes('CONCURRENTLY')) ? 'transaction = false;' : '';
  const queries = statements.map((text) => `await runner.query(${JSON.stringify(text)});`).join('\n');
  const text = `exports.Change${timestamp} = class Change${timestamp} { ${transaction} async up(runner) { ${queries} } async down() {} };`;
  writeFileSync(join(folder, `${timestamp}-change.js`), text);
}

/** What a release consists of whose newest migration of tenants is `last`. */
export const release = (last: number): MigrationSets => ({
  platform: { entities: [], migrations: [join(__dirname, '../migrations/*.ts')] },
  tenant: { entities: [], migrations: [FIRST, SECOND].filter((t) => t <= last).map((t) => join(folder, `${t}-*.js`)) },
});
export const of = (last: number): Database => ({ ...database, sets: release(last) });

export interface Entry {
  title: string;
  status: string;
  migratedTo: string;
  error: string | null;
  schema: string;
  role: string | null;
  version: number;
}

/** What the registry says of a tenant. */
export async function entry(name: string): Promise<Entry | undefined> {
  const { rows } = await admin.query<Entry>(
    `SELECT title, status, migrated_to AS "migratedTo", error, schema_name AS schema, role_name AS role, version
       FROM ${database.names.platform}.tenant WHERE name = $1`,
    [name],
  );
  return rows[0];
}

/** What there is of a tenant: its schema's tables and indexes, and its role. */
export async function things(name: string): Promise<string[]> {
  const { rows } = await admin.query<{ thing: string }>(
    `SELECT relname AS thing FROM pg_class WHERE relnamespace = to_regnamespace($1)
      UNION ALL SELECT 'the schema' FROM pg_namespace WHERE nspname = $1
      UNION ALL SELECT 'the role' FROM pg_roles WHERE rolname = $2 ORDER BY 1`,
    [database.names.tenantSchema(name), database.names.tenantRole(name)],
  );
  return rows.map(({ thing }) => thing).filter((thing) => !/^migrations_|^pk_/.test(thing));
}

/** That nothing is left of a tenant, and that its name can be used again. */
export async function expectGone(name: string): Promise<void> {
  expect(await entry(name)).toBeUndefined();
  expect(await things(name)).toEqual([]);
}

/** A transaction of someone else's, undone when `work` ends. */
export const inAnother = <T>(work: (client: Client) => Promise<T>): Promise<T> =>
  withAdmin(database.adminUrl, async (client) => {
    await client.query('BEGIN');
    return work(client);
  });

/**
 * Waits until `query` finds something. In no transaction: there pg_stat_activity goes on showing what it showed at first.
 */
export async function untilFound(query: string, values: unknown[] = []): Promise<void> {
  await until(async () => (await admin.query(query, values)).rows.length);
}
