import { Settings } from '@app/config';
import { Announce, Database, withAdmin } from './database';

/** Connections that a process which does jobs holds besides its pool: two that fetch them, and one that listens. */
export const CONNECTIONS_FOR_JOBS = 3;

/** Refuses to start in production, and says so elsewhere, when all processes together would want more connections than there are. */
export async function checkConnectionBudget(database: Database, settings: Settings, announce: Announce): Promise<void> {
  const { rows } = await withAdmin(database.adminUrl, (client) =>
    client.query<{ free: number }>(
      `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
              - current_setting('reserved_connections')::int AS free`,
    ),
  );
  const wanted = (settings.databasePoolSize + CONNECTIONS_FOR_JOBS) * settings.replicas;
  if (wanted <= rows[0].free) return;
  const sentence =
    `DATABASE_POOL_SIZE ${settings.databasePoolSize} and ${CONNECTIONS_FOR_JOBS} for jobs, × REPLICAS ${settings.replicas}, makes ${wanted} connections, ` +
    `and the server has ${rows[0].free}: lower one of them, or raise max_connections.`;
  if (settings.isProduction) throw new Error(sentence);
  announce(sentence);
}
