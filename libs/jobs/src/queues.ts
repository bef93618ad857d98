import type { PgBoss } from 'pg-boss';
import { BY_THE_CLOCK } from './envelope';
import type { Handled } from './handlers';
import type { NamedJob } from './job.decorator';

/** Where jobs end up that failed every time. */
export const DEAD_LETTERS = 'dead-letters';

const DAY = 86_400;

/** Makes the queue of every kind of job, as its decorator says; one that is there is changed where it differs. */
export async function ensureQueues(boss: PgBoss, handled: Handled[]): Promise<void> {
  const there = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]));
  if (!there.has(DEAD_LETTERS)) await boss.createQueue(DEAD_LETTERS, { retentionSeconds: 365 * DAY });
  for (const { job } of handled) {
    const [queue, wanted] = [there.get(job.name), optionsOf(job)];
    if (!queue) await boss.createQueue(job.name, wanted);
    else if (Object.entries(wanted).some(([name, value]) => queue[name as keyof typeof wanted] !== value))
      await boss.updateQueue(job.name, wanted);
  }
}

const optionsOf = ({ retries = 5, expireSeconds = 900 }: NamedJob) => ({
  deadLetter: DEAD_LETTERS,
  notify: true,
  retryLimit: retries,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 3_600,
  expireInSeconds: expireSeconds,
  heartbeatSeconds: 30, // after so long without a sign of life from its worker, another does it
});

/** Makes the clock ask for each job as its decorator says, and for no other. */
export async function ensureSchedules(boss: PgBoss, handled: Handled[]): Promise<void> {
  const wanted = new Map(handled.flatMap(({ job }) => (job.cron ? [[job.name, job.cron]] : [])));
  for (const { name } of await boss.getSchedules()) if (!wanted.has(name)) await boss.unschedule(name);
  for (const [name, cron] of wanted) await boss.schedule(name, cron, BY_THE_CLOCK);
}
