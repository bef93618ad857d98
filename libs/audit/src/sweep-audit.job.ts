import { Settings } from '@app/config';
import { currentUnit } from '@app/database';
import { Job, JobHandler, Jobs } from '@app/jobs';

const AT_ONCE = 10_000; // rows; a transaction that deletes more keeps others from tidying up for long

/** Deletes what the log has kept for as long as it should, some at a time. */
@Job('audit.sweep', { cron: '53 3 * * *' })
export class SweepAudit implements JobHandler {
  constructor(
    private readonly settings: Settings,
    private readonly jobs: Jobs,
  ) {}

  async run(): Promise<void> {
    const days = this.settings.auditRetentionDays;
    if (!days) return;
    const [{ gone }] = await currentUnit().manager.query<{ gone: number }[]>(
      `SELECT forget_audit(now() - make_interval(days => $1), $2) AS gone`,
      [days, AT_ONCE],
    );
    if (gone === AT_ONCE) await this.jobs.enqueue(SweepAudit, {});
  }
}
