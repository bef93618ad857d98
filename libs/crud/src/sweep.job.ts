import { currentUnit } from '@app/database';
import { Job, JobHandler } from '@app/jobs';

const AT_ONCE = 10_000; // rows; a tenant with more has the rest deleted by its next writes, and the next day

/** Deletes the answers that are kept no longer, which writes do too where there are any, and files that no job dropped. */
@Job('crud.sweep', { cron: '23 3 * * *' })
export class Sweep implements JobHandler {
  async run(): Promise<void> {
    const { manager } = currentUnit();
    await manager.query(
      `DELETE FROM idempotency_key WHERE id IN (
         SELECT id FROM idempotency_key WHERE expires_at <= now() LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)`,
    );
    await manager.query("DELETE FROM file_part WHERE kept_at < now() - interval '30 days'");
  }
}
