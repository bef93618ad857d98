import { PgBoss } from 'pg-boss';
import type { Database } from '@app/database';
import type { Envelope } from './envelope';
import { DEAD_LETTERS } from './queues';

/** A job that failed every time it was tried. */
export interface DeadLetter {
  id: string;
  /** What kind of job it is. */
  job: string;
  tenantId: string | null;
  requestId: string | null;
  diedAt: Date;
  /** What went wrong the last time. */
  why: string;
}

const AT_ONCE = 1_000;

/** The dead letters, the oldest first. */
export const listDeadLetters = (database: Database): Promise<DeadLetter[]> =>
  withBoss(database, async (boss) => {
    const found: DeadLetter[] = [];
    for (let after: string | undefined; ;) {
      const page = await boss.findJobs<Envelope>(DEAD_LETTERS, { limit: AT_ONCE, after });
      for (const { id, data, sourceName, createdOn, sourceOutput } of page)
        found.push({
          id,
          job: sourceName!,
          tenantId: data.tenantId,
          requestId: data.requestId,
          diedAt: createdOn,
          why: (sourceOutput as { message?: string } | null)?.message ?? 'It does not say.',
        });
      if (page.length < AT_ONCE) return found;
      after = page.at(-1)!.id;
    }
  });

/** Lets dead letters be done again, as if they had never been tried: all, or those with these ids. Returns how many. */
export const replayDeadLetters = (database: Database, which: { ids?: string[] } = {}): Promise<number> =>
  withBoss(database, async (boss) => {
    const createdBefore = new Date(); // those that die again meanwhile are left alone
    for (let replayed = 0; ;) {
      const moved = await boss.redrive(DEAD_LETTERS, { ...which, createdBefore, limit: AT_ONCE });
      replayed += moved;
      if (moved < AT_ONCE) return replayed;
    }
  });

async function withBoss<T>({ adminUrl, names }: Database, work: (boss: PgBoss) => Promise<T>): Promise<T> {
  const boss = new PgBoss({
    connectionString: adminUrl,
    schema: names.jobs,
    max: 1,
    migrate: false,
    createSchema: false,
    supervise: false,
    schedule: false,
    registerInstance: false,
  });
  boss.on('error', () => undefined); // what fails rejects too
  try {
    await boss.start();
    return await work(boss);
  } finally {
    await boss.stop({ graceful: false });
  }
}
