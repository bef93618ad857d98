import { escapeIdentifier as quote } from 'pg';
import { PgBoss } from 'pg-boss';
import { Announce, Database, withAdmin } from '@app/database';

/**
 * Brings the schema of the jobs up to what pg-boss wants, as the owner of all schemas; the application may use its tables
 * and not change them. It runs while no other process migrates.
 */
export async function migrateJobs(database: Database, announce: Announce): Promise<void> {
  const { names, hasRoles, adminUrl } = database;
  await withAdmin(adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [names.jobs]);
    if (rowCount) return;
    const [jobs, owner, app] = [names.jobs, names.owner, names.app].map(quote);
    await client.query(
      hasRoles
        ? `CREATE SCHEMA ${jobs} AUTHORIZATION ${owner};
           GRANT USAGE ON SCHEMA ${jobs} TO ${app};
           ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${jobs}
             GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app};
           ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${jobs} GRANT USAGE ON SEQUENCES TO ${app}`
        : `CREATE SCHEMA ${jobs}`,
    );
  });
  const boss = new PgBoss({
    connectionString: adminUrl,
    options: hasRoles ? `-c role=${names.owner}` : undefined,
    schema: names.jobs,
    max: 1,
    createSchema: false,
    supervise: false,
    schedule: false,
    registerInstance: false,
  });
  boss.on('error', () => undefined); // what fails rejects too
  try {
    const before = await versionOf(database);
    await boss.start();
    const after = await boss.schemaVersion();
    if (before !== after) announce(`Migrated the jobs: pg-boss ${after}.`);
  } finally {
    await boss.stop({ graceful: false });
  }
}

/** The version of the schema, or null where there is none yet. */
const versionOf = ({ adminUrl, names }: Database): Promise<number | null> =>
  withAdmin(adminUrl, async (client) => {
    const { rows } = await client.query<{ exists: boolean }>('SELECT to_regclass($1) IS NOT NULL AS exists', [
      `${quote(names.jobs)}.version`,
    ]);
    if (!rows[0].exists) return null;
    const { rows: versions } = await client.query<{ version: number }>(
      `SELECT version FROM ${quote(names.jobs)}.version`,
    );
    return versions[0]?.version ?? null;
  });
