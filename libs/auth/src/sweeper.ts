import { Inject, Logger } from '@nestjs/common';
import { escapeIdentifier as quote } from 'pg';
import { DataSource } from 'typeorm';
import { DATABASE, type Database } from '@app/database';
import { Job, JobHandler } from '@app/jobs';

const AT_ONCE = 1_000; // rows a statement deletes at most, so that none holds locks for long

/** What is over, by table. A session's used tokens go before it, so that none takes thousands along. */
const OVER = {
  refresh_token: `used_at < now() - interval '30 days'`, // as long as a session lasts without it
  session: 'expires_at < now()',
  sign_up: 'expires_at < now()',
  password_reset: 'expires_at < now()',
  invitation: 'expires_at < now()',
  rate_limit: `expire < (extract(epoch FROM now() - interval '1 minute') * 1000)::bigint`, // clocks differ
};

/** How many rows were deleted of each table. */
export type Swept = Record<keyof typeof OVER, number>;

/** Deletes what has expired of the platform's, some at a time. Many may do so at the same time. */
@Job('auth.sweep', { withoutTenant: true, cron: '17 * * * *' })
export class Sweeper implements JobHandler {
  private readonly logger = new Logger('Sweeper');

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  async run(): Promise<void> {
    this.logger.log('What has expired is deleted.', await this.sweep());
  }

  /** Deletes the expired sessions, tokens, links, invitations and counts. */
  async sweep(): Promise<Swept> {
    const swept = {} as Swept;
    for (const table of Object.keys(OVER) as (keyof Swept)[]) swept[table] = await this.sweepTable(table);
    return swept;
  }

  private async sweepTable(name: keyof Swept): Promise<number> {
    const table = `${quote(this.database.names.platform)}.${name}`;
    for (let swept = 0; ;) {
      const [, count] = await this.dataSource.query<[unknown, number]>(
        `DELETE FROM ${table} WHERE ctid IN
           (SELECT ctid FROM ${table} WHERE ${OVER[name]} LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)`,
      );
      swept += count;
      if (count < AT_ONCE) return swept;
    }
  }
}
