import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { Announce, Database, withAdmin } from './database';

const DEADLINE_MS = 30 * 60_000; // a large table may take minutes to change
const LINE_EVERY_MS = 10_000;

/**
 * Runs `work` while no other process of this installation does. The lock is polled for, not waited for: a blocked waiter's
 * open snapshot would deadlock with CREATE INDEX CONCURRENTLY. It ends with the connection, so a killed holder frees it.
 */
export async function withMigrationLock<T>(database: Database, announce: Announce, work: () => Promise<T>): Promise<T> {
  return withAdmin(database.adminUrl, async (client) => {
    const lost = new Promise<never>((_resolve, reject) => client.once('error', (error) => reject(lockLost(error))));
    lost.catch(() => undefined);
    await acquire(client, `migrations of "${database.names.prefix}"`, announce);
    return Promise.race([work(), lost]);
  });
}

const lockLost = (cause: Error): Error =>
  new Error(`The lock on the migrations was lost (${cause.message}): another process may have begun them.`, { cause });

async function acquire(client: Client, name: string, announce: Announce): Promise<void> {
  const started = Date.now();
  for (let nextLine = started + LINE_EVERY_MS; ; await wait(250 + Math.random() * 250)) {
    const { rows } = await client.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine',
      [name],
    );
    if (rows[0].mine) return;
    if (Date.now() - started > DEADLINE_MS) {
      throw new Error(
        `Another process has been migrating for ${DEADLINE_MS / 60_000} minutes: see what it does in pg_stat_activity.`,
      );
    }
    if (Date.now() > nextLine) {
      announce('Waiting for another process to finish its migrations.');
      nextLine = Date.now() + LINE_EVERY_MS;
    }
  }
}
