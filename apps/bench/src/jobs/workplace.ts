import { setTimeout as wait } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Client } from 'pg';
import { ConfigModule, Settings } from '@app/config';
import { type Database, DatabaseModule, openDatabase, type Place, UnitOfWork } from '@app/database';
import { RefreshBookRating } from '@app/domain';
import { Jobs, JobsModule } from '@app/jobs';
import { TenancyModule, TenantsService } from '@app/tenancy';
import { migrationSets } from '../../../../ormconfig';
import { idOf, upTo } from '../books';
import { Stage } from '../stage';
import { startOurs } from '../targets/ours';
import { Target } from '../targets/target';

/** An installation of ours where this process leaves jobs, as an API does, and processes of their own do them. */
export class Workplace {
  private readonly workers: Target[] = [];

  private constructor(
    private readonly stage: Stage,
    private readonly api: Target,
    private readonly database: Database,
    private readonly process: INestApplicationContext,
    private readonly admin: Client,
    private readonly tenants: Place[],
  ) {}

  /** Makes one with so many tenants, each with so many books, and nobody who works. */
  static async open(stage: Stage, tenants: number, books: number): Promise<Workplace> {
    const api = await startOurs(stage, 'jobs', books, { tenants, kind: 'audited' });
    await api.stop(); // it has made the queues
    const { DATABASE_URL, SCHEMA_PREFIX } = api.program.env;
    const settings = Settings.from({ NODE_ENV: 'test', DATABASE_URL, SCHEMA_PREFIX });
    const database = await openDatabase(settings, migrationSets, () => undefined);
    const process = await NestFactory.createApplicationContext(
      {
        module: class Leaver {},
        imports: [ConfigModule.with(settings), DatabaseModule.on(database), TenancyModule, JobsModule.on(false)],
      },
      { logger: ['error', 'warn'], abortOnError: false },
    );
    const registry = process.get(TenantsService, { strict: false });
    const places = await Promise.all((await registry.activeIds()).map(async (id) => registry.scopeOf(id)));
    const admin = new Client({ connectionString: stage.url() });
    await admin.connect();
    return new Workplace(stage, api, database, process, admin, places);
  }

  async close(): Promise<void> {
    await this.process.close();
    await this.admin.end();
  }

  /** Has at least so many processes work, and waits until they do. */
  async employ(count: number): Promise<void> {
    while (this.workers.length < count) {
      const program = { ...this.api.program, main: 'worker/src/main.js' };
      const name = `worker-${this.workers.length + 1}`;
      this.workers.push(await this.stage.start(name, this.api.holds, this.api.table, program));
    }
  }

  /** Leaves `count` jobs in one unit of work of a tenant, the nth in turn: to work out the rating of a book each. */
  async leave(count: number, n = 0): Promise<void> {
    const tenant = this.tenants[n % this.tenants.length];
    const payloads = upTo(count, (book) => ({ bookIds: [idOf(1 + ((n + book) % this.api.holds))] }));
    const jobs = this.process.get(Jobs, { strict: false });
    const units = this.process.get(UnitOfWork, { strict: false });
    await units.run({ tenant, actor: 'bench', requestId: `bench-${n}` }, () =>
      jobs.enqueueMany(RefreshBookRating, payloads),
    );
  }

  /** Leaves `count` jobs, as many to each tenant. */
  async leaveToAll(count: number): Promise<void> {
    const each = count / this.tenants.length;
    await Promise.all(this.tenants.map((_tenant, n) => this.leave(each, n)));
  }

  /** Waits until nothing waits and nothing runs, looking every `pause` ms. Throws unless `count` jobs have been done by then. */
  async untilDone(count: number, pause: number): Promise<void> {
    while (await this.count(`state < 'completed'`)) await wait(pause);
    const done = await this.count(`state = 'completed'`);
    if (done !== count) throw new Error(`Of ${count} jobs ${done} were done.`);
  }

  /** Forgets all jobs, and leaves Postgres nothing to tidy up. */
  async clear(): Promise<void> {
    await this.admin.query(`TRUNCATE ${this.database.names.jobs}.job_common`);
    await this.admin.query('CHECKPOINT');
  }

  private async count(which: string): Promise<number> {
    const { rows } = await this.admin.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${this.database.names.jobs}.job WHERE name = 'reviews.refresh-book-rating' AND ${which}`,
    );
    return rows[0].count;
  }
}
