import type { PgBoss } from 'pg-boss';
import { BY_THE_CLOCK } from './envelope';
import type { Handled } from './handlers';

/** Where jobs end up that failed every time. */
export const DEAD_LETTERS = 'dead-letters';

const DAY = 86_400;

/** Makes the queue of every kind of job, as its decorator says; one that is there is changed where it differs. */
export async function ensureQueues(boss: PgBoss, handled: Handled[]): Promise<void> {
  await boss.createQueue(DEAD_LETTERS, { retentionSeconds: 365 * DAY });
  for (const { job } of handled) {
    const options = {
      deadLetter: DEAD_LETTERS,
      notify: true,
      retryLimit: job.retries ?? 5,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: 3_600,
      expireInSeconds: job.expireSeconds ?? 900,
      heartbeatSeconds: 30, // after so long without a sign of life from its worker, another does it
    };
    await boss.createQueue(job.name, options);
    await boss.updateQueue(job.name, options);
  }
}

/** Makes the clock ask for each job as its decorator says, and for no other. */
export async function ensureSchedules(boss: PgBoss, handled: Handled[]): Promise<void> {
  const wanted = new Map(handled.flatMap(({ job }) => (job.cron ? [[job.name, job.cron]] : [])));
  for (const { name } of await boss.getSchedules()) if (!wanted.has(name)) await boss.unschedule(name);
  for (const [name, cron] of wanted) await boss.schedule(name, cron, BY_THE_CLOCK);
}
