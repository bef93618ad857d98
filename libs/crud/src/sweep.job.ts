import { currentUnit } from '@app/database';
import { Job, JobHandler } from '@app/jobs';

const AT_ONCE = 10_000; // rows; a tenant with more has the rest deleted by its next writes, and the next day

/** Deletes the answers that are kept no longer. Writes do so too: this is for tenants that no longer write. */
@Job('crud.sweep-answers', { cron: '23 3 * * *' })
export class SweepAnswers implements JobHandler {
  async run(): Promise<void> {
    await currentUnit().manager.query(
      `DELETE FROM idempotency_key WHERE id IN (
         SELECT id FROM idempotency_key WHERE expires_at <= now() LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)`,
    );
  }
}
