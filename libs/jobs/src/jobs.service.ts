import { Inject, Injectable, Logger, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { JobInsert, PgBoss } from 'pg-boss';
import { DataSource } from 'typeorm';
import { currentScope, currentUnit, DATABASE, type Database, newId, NoTenantInScope } from '@app/database';
import { currentRequest } from '@app/observability';
import { Envelope } from './envelope';
import { Handlers } from './handlers';
import type { JobDto } from './job.dto';
import { JobType, mustBeJob, NamedJob } from './job.decorator';
import { ensureQueues } from './queues';
import { inUnit, through } from './statements';
import { currentTrace } from './trace';

/** When and how often a job runs. */
export interface Enqueue {
  /** While one job of a kind with this key waits in a tenant, another changes what that one is to do instead of waiting too. */
  key?: string;
  /** Not before this time, or so many seconds from now. */
  startAfter?: Date | number;
}

/** What is said of a job that is tried no more. Why is for the log. */
const GIVEN_UP = {
  status: 500,
  code: 'failed',
  detail: 'It failed whenever it was tried, and nothing of it was kept.',
};

/** Where work is left for later. */
@Injectable()
export class Jobs implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Jobs');
  private readonly boss: PgBoss;
  private readonly table: string;
  private started?: Promise<void>;

  constructor(
    @Inject(DATABASE) { names }: Database,
    dataSource: DataSource,
    private readonly handlers: Handlers,
  ) {
    this.table = `${names.jobs}.job`;
    this.boss = new PgBoss({
      schema: names.jobs,
      db: through((text, values) => dataSource.query(text, values)),
      migrate: false,
      createSchema: false,
      supervise: false,
      schedule: false,
      registerInstance: false,
      queueCacheIntervalSeconds: 3_600, // ours change at the start of a process
      openTelemetry: { enabled: false }, // what it would say of the queues is as old as that
    });
    this.boss.on('error', (error) => this.logger.error(error));
  }

  /** Before there are units of work, which would each hold a connection while they wait for one to start with. */
  async onApplicationBootstrap(): Promise<void> {
    await this.start().catch((error: Error) => this.logger.warn(`No job can be left yet: ${error.message}`));
  }

  /** What keeps jobs from being left, in a sentence. */
  async obstacle(): Promise<string | undefined> {
    return this.start().then(
      () => undefined,
      (error: Error) =>
        `The schema of the jobs is not what this release expects: run the migrations. (${error.message})`,
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.boss.stop({ graceful: false });
  }

  /**
   * Leaves a job for a worker and gives its id. It joins the running unit of work: when that is not kept, there is no job.
   * A job of a tenant belongs to the tenant in scope; one without a tenant may be left outside any unit, and is then kept at once.
   */
  async enqueue<P extends object>(type: JobType<P>, payload: P, { key, startAfter }: Enqueue = {}): Promise<string> {
    const job = mustBeJob(type);
    if (key === undefined) return (await this.enqueueMany(type, [payload], { startAfter }))[0];
    await this.start();
    const { data, group } = this.envelope(job, payload);
    const singletonKey = `${data.tenantId} ${key}`;
    const { jobs } = await this.boss.upsert(job.name, data, { singletonKey, startAfter, group, db: inUnit() });
    return jobs[0];
  }

  /** The same for many payloads, in one statement. */
  async enqueueMany<P extends object>(
    type: JobType<P>,
    payloads: P[],
    { startAfter }: Omit<Enqueue, 'key'> = {},
  ): Promise<string[]> {
    const job = mustBeJob(type);
    if (!payloads.length) return [];
    await this.start();
    const jobs = payloads.map((payload): JobInsert => ({ id: newId(), startAfter, ...this.envelope(job, payload) }));
    await this.boss.insert(job.name, jobs, { db: inUnit() });
    return jobs.map(({ id }) => id!);
  }

  /** What has become of a job of the tenant in scope; undefined where it has none of this id. */
  async find(id: string): Promise<JobDto | undefined> {
    const kinds = this.handlers.all().map(({ job }) => job.name);
    const [found] = await currentUnit().asApplication<JobDto>(
      `SELECT id, name, output->'result' AS result, created_on AS "createdAt", started_on AS "startedAt", completed_on AS "finishedAt",
              CASE WHEN state = 'active' THEN 'running' WHEN state < 'completed' THEN 'waiting'
                   WHEN state = 'completed' AND output->'problem' IS NULL THEN 'done' ELSE 'failed' END AS state,
              CASE WHEN state = 'completed' THEN 1 ELSE coalesce((output->>'progress')::float8, 0) END AS progress,
              CASE WHEN state = 'completed' THEN output->'problem' WHEN state > 'completed' THEN $4::jsonb END AS problem
         FROM ${this.table} WHERE name = ANY($1) AND id = $2 AND data->>'tenantId' = $3`,
      [kinds, id, currentScope()!.tenant.id, GIVEN_UP],
    );
    return found;
  }

  private envelope(job: NamedJob, payload: object): { data: Envelope; group?: { id: string } } {
    const scope = currentScope();
    const requestId = scope?.requestId ?? currentRequest()?.requestId ?? newId();
    const actor = scope?.actor ?? 'system';
    const trace = currentTrace();
    if (job.withoutTenant) return { data: { tenantId: null, actor, requestId, payload, trace } };
    if (!scope) throw new NoTenantInScope();
    const tenantId = scope.tenant.id;
    return { data: { tenantId, actor, requestId, payload, trace }, group: { id: tenantId } };
  }

  /** Again at the next job where it failed: the schema may be another process's to make. */
  start(): Promise<void> {
    return (this.started ??= this.begin().catch((error) => {
      this.started = undefined;
      throw error;
    }));
  }

  private async begin(): Promise<void> {
    await this.boss.start();
    await ensureQueues(this.boss, this.handlers.all());
  }
}
