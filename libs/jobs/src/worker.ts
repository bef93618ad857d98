import { BeforeApplicationShutdown, Inject, Injectable, Logger, OnApplicationBootstrap } from '@nestjs/common';
import type { Span } from '@opentelemetry/api';
import pLimit from 'p-limit';
import { type Db, JobResult, JobWithMetadata, PgBoss } from 'pg-boss';
import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { CONNECTIONS_FOR_JOBS, DATABASE, type Database, type Place, UnitOfWork } from '@app/database';
import { runWithRequest } from '@app/observability';
import { TenantsService } from '@app/tenancy';
import { BY_THE_CLOCK, Envelope } from './envelope';
import { Handled, Handlers } from './handlers';
import { Hopeless } from './hopeless';
import { JobOutcome, SayProgress } from './job.decorator';
import { Jobs } from './jobs.service';
import { ensureSchedules } from './queues';
import { affected, inUnit, through } from './statements';
import { inTrace, measureJob, traceFailure } from './trace';

const BATCH = 20; // jobs of one kind that are fetched at a time, and of one tenant that run at a time, in all processes
const FETCHERS = 2; // of each kind: while one is busy with a tenant that has many jobs, another sees to the rest
const POLL_SECONDS = 2; // for what nobody is told of: a job whose time has come
const SUPERVISE_SECONDS = 30; // between looks for jobs whose worker is gone
const LAST_WORD_MS = 5_000; // for a job that does not end with the grace; Postgres undoes what it did
const PROGRESS_MS = 1_000; // between two words on how far a job is
const WAIT_SECONDS = 60; // until a job is tried again whose tenant may not be served

/** Does the jobs that wait, in a process that works. */
@Injectable()
export class Worker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Jobs');
  private readonly boss: PgBoss;
  private readonly inTurn: ReturnType<typeof pLimit>;
  private readonly table: string;
  /** Whether it fetches jobs. */
  works = false;

  constructor(
    @Inject(DATABASE) { names, directUrl }: Database,
    private readonly settings: Settings,
    private readonly dataSource: DataSource,
    private readonly handlers: Handlers,
    private readonly jobs: Jobs,
    private readonly tenants: TenantsService,
    private readonly unitOfWork: UnitOfWork,
  ) {
    this.table = `${names.jobs}.job`;
    if (settings.databasePoolSize < 2)
      throw new Error('A worker needs two connections: set DATABASE_POOL_SIZE to 2 at least.');
    this.inTurn = pLimit(settings.databasePoolSize - 1); // each holds a connection, and may need another for a moment
    this.boss = new PgBoss({
      connectionString: directUrl,
      application_name: 'starter jobs',
      schema: names.jobs,
      max: CONNECTIONS_FOR_JOBS - 1, // and one that listens
      migrate: false,
      createSchema: false,
      useListenNotify: true,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
      reindex: false, // the owner's to do
    });
    this.boss.on('error', (error) => this.logger.error(error));
    this.boss.on('warning', ({ message }) => this.logger.warn(message));
  }

  async onApplicationBootstrap(): Promise<void> {
    const handled = this.handlers.all();
    await this.boss.start({ attempts: 10 });
    await this.jobs.start();
    await ensureSchedules(this.boss, handled);
    for (const each of handled) for (let n = 0; n < FETCHERS; n++) await this.fetch(each);
    this.works = true;
    this.logger.log(`Working on ${handled.map(({ job }) => job.name).join(', ') || 'nothing: there is no job'}.`);
  }

  /** Finishes what runs, for as long as SHUTDOWN_GRACE_SECONDS; what then still runs is undone, and another worker's to do. */
  async beforeApplicationShutdown(signal?: string): Promise<void> {
    this.works = false;
    const grace = this.settings.shutdownGraceSeconds * 1_000;
    if (signal) setTimeout(() => process.exit(1), grace + LAST_WORD_MS).unref();
    await this.boss.stop({ graceful: true, timeout: grace });
  }

  /** Fetches jobs of a kind and does them, again and again: at once while there are any, else when told of one. */
  private async fetch(handled: Handled): Promise<void> {
    const fetcher = await this.boss.work(
      handled.job.name,
      {
        batchSize: BATCH,
        groupConcurrency: BATCH,
        notifyPollingIntervalSeconds: POLL_SECONDS,
        perJobResults: true,
        includeMetadata: true,
      },
      async (jobs: JobWithMetadata<Envelope>[]) => {
        const results = await Promise.all(jobs.map((job) => this.inTurn(() => this.settle(handled, job))));
        this.boss.notifyWorker(fetcher); // few need not be the last: what else a tenant may run is left out of a batch
        return results;
      },
    );
  }

  /** Does a job and says in the log what became of it. Never throws. */
  private settle(handled: Handled, job: JobWithMetadata<Envelope>): Promise<JobResult> {
    const settling = () => inTrace(job.name, job.data.trace, (span) => this.tryIt(handled, job, span));
    return runWithRequest({ requestId: requestOf(job) }, settling);
  }

  private async tryIt(handled: Handled, job: JobWithMetadata<Envelope>, span: Span): Promise<JobResult> {
    const start = performance.now();
    const about = (status: JobResult['status']) => {
      const ms = Math.round(performance.now() - start);
      measureJob(job.name, status, ms);
      return { job: job.name, id: job.id, tenantId: job.data.tenantId, attempt: job.retryCount + 1, ms };
    };
    try {
      const outcome = await this.perform(handled, job);
      this.logger.log(`job ${outcome}`, about('completed'));
      return { id: job.id, status: 'completed' };
    } catch (error) {
      const isLast = error instanceof Hopeless || job.retryCount >= job.retryLimit;
      const status = isLast ? 'deadletter' : 'failed';
      traceFailure(span, error as Error);
      this.logger[isLast ? 'error' : 'warn'](error, about(status));
      return { id: job.id, status, output: { message: (error as Error).message } };
    }
  }

  private async perform({ job, handler }: Handled, given: JobWithMetadata<Envelope>): Promise<string> {
    const { tenantId, actor, payload } = given.data;
    if (job.withoutTenant) {
      await handler.run(payload, () => undefined);
      return 'done';
    }
    if (!tenantId) return this.shareOut(given);
    const tenant = await this.placeOf(tenantId);
    if (tenant === 'gone') return 'dropped: its tenant is gone';
    if (tenant === 'waits') {
      await this.putBack(given);
      return 'put back: its tenant is not served';
    }
    const work = async () => {
      const outcome = await handler.run(payload, this.sayProgressOf(given));
      await this.complete(given, outcome);
    };
    await this.unitOfWork
      .run({ tenant, actor, requestId: requestOf(given) }, work)
      .catch((error) => this.tenants.explain(tenantId, error));
    return 'done';
  }

  /** Says that the job is done, in the transaction of what it did: that is kept once, or not at all. */
  private async complete({ name, id, retryCount }: Attempt, outcome?: JobOutcome | void, db = inUnit()): Promise<void> {
    const done = await this.boss.complete(name, { id, retryCount }, outcome ?? null, { db });
    if (!affected(done)) throw new Error('Another worker has this job by now: what this one did is undone.');
  }

  /** Lets a job say how much of it is done: at once, because of its own transaction nothing is seen before the end. */
  private sayProgressOf({ name, id, retryCount }: Attempt): SayProgress {
    const text = `UPDATE ${this.table} SET output = jsonb_build_object('progress', $4::float8)
                   WHERE name = $1 AND id = $2 AND state = 'active' AND retry_count = $3`;
    let next = 0;
    return (share) => {
      if (share < 1 && Date.now() < next) return;
      next = Date.now() + PROGRESS_MS;
      const said = this.boss.getDb().executeSql(text, [name, id, retryCount, share]);
      said.catch((error) => this.logger.warn(error));
    };
  }

  /** Leaves a job for each active tenant, in the transaction that ends the one for all. */
  private async shareOut({ name, id, retryCount }: JobWithMetadata<Envelope>): Promise<string> {
    const tenants = await this.tenants.activeIds();
    await this.inTransaction(async (db) => {
      await this.complete({ name, id, retryCount }, undefined, db);
      const jobs = tenants.map((tenantId) => ({
        data: { ...BY_THE_CLOCK, actor: `job:${name}`, tenantId, requestId: id },
        group: { id: tenantId },
      }));
      if (jobs.length) await this.boss.insert(name, jobs, { db });
    });
    return `shared out to ${tenants.length} tenants`;
  }

  private async placeOf(tenantId: string): Promise<Place | 'gone' | 'waits'> {
    try {
      return await this.tenants.scopeOf(tenantId);
    } catch (error) {
      const status = (error as { getStatus?: () => number }).getStatus?.();
      if (status === 404) return 'gone';
      if (status === 403 || status === 503) return 'waits';
      throw error;
    }
  }

  /** Lets a job wait without having been tried, under the same id. */
  private async putBack({
    id,
    name,
    retryCount,
    data,
    singletonKey,
    groupId,
  }: JobWithMetadata<Envelope>): Promise<void> {
    const group = groupId ? { id: groupId } : undefined;
    await this.inTransaction(async (db) => {
      const taken = await this.boss.deleteJob(name, { id, retryCount }, { db });
      if (!affected(taken)) return; // another worker has it by now
      const waiting = { id, data, group, singletonKey: singletonKey ?? undefined, startAfter: WAIT_SECONDS };
      await this.boss.insert(name, [waiting], { db });
    });
  }

  private inTransaction(work: (db: Db) => Promise<void>): Promise<void> {
    return this.dataSource.transaction((manager) => work(through((text, values) => manager.query(text, values))));
  }
}

/** One try of a job, which no longer counts once another worker has begun the next. */
type Attempt = Pick<JobWithMetadata, 'name' | 'id' | 'retryCount'>;

const requestOf = ({ id, data }: JobWithMetadata<Envelope>): string => data.requestId ?? id;
