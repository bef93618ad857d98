import { Logger } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import * as pg from 'pg';
import { isUnavailable, postgresError } from './database-errors';
import { currentScope, Scope } from './scope';
import { typesWithTime } from './parse-time';
import { Make, Pipeline, send } from './pipeline';
import { Sending, TenantQuery } from './tenant-query';

// What Postgres says of a prepared statement that is no longer what it was, and of one that is not its own.
const OUTDATED = ['0A000'];
const MIXED_UP = ['26000', '42P05'];
const WOULD_WAIT = '55P03'; // for a lock

// A backend keeps what it has learnt of every table of every tenant it served, until it ends.
const AGE = { maxLifetimeSeconds: 600, maxUses: 10_000 };

/** How a statement runs that is a transaction of its own. */
export interface Single {
  /** Prepares it; for a text that comes again and again, finding its rows by a key: what filters and sorts is better planned anew. */
  prepare?: boolean;
  /** Sends it over a connection on which others are under way; for one that only reads some rows by their key. */
  share?: boolean;
}

/**
 * A pool whose transactions begin in the tenant of the running scope: the switch of schema and role travels in the same
 * message as START TRANSACTION, costs no round trip, and ends with the transaction, so nothing leaks to the next user.
 */
export class TenantPool extends pg.Pool {
  /** False behind a pooler that hands our connections from server to server and leaves the prepared statements behind. */
  private keepsStatements = true;
  private pipelines: Pipeline[] = [];

  constructor(options?: pg.PoolConfig) {
    // oxlint-disable-next-line typescript/no-misused-promises -- pg-pool waits for it; its types do not know
    super({ ...AGE, ...options, types: typesWithTime(), onConnect: prepare });
    this.measure();
  }

  /** Runs one statement as a transaction of the tenant of `scope`, in one round trip. */
  async single(scope: Scope, text: string, values: unknown[], how: Single): Promise<pg.QueryResult> {
    const prepares = !this.keepsStatements ? 'nothing' : how.prepare ? 'the statement too' : 'the switch';
    const sending: Sending = { prepares, isShared: Boolean(how.share) };
    const make: Make = (done) => new TenantQuery(scope, text, values, sending, done);
    try {
      return await (how.share ? this.shared(make, sending) : this.alone(make, sending));
    } catch (error) {
      const fault = faultOf(error, sending);
      if (!fault) throw error;
      if (fault === 'mixed up') this.keepNoStatements();
      // It did nothing: what failed was one transaction.
      return this.single(scope, text, values, { prepare: fault === 'would wait' && how.prepare });
    }
  }

  private measure(): void {
    const meter = metrics.getMeter('database');
    meter.createObservableGauge('database.pool.connections').addCallback((gauge) => {
      gauge.observe(this.totalCount - this.idleCount, { state: 'used' });
      gauge.observe(this.idleCount, { state: 'idle' });
    });
    meter.createObservableGauge('database.pool.waiting').addCallback((gauge) => gauge.observe(this.waitingCount));
  }

  private async alone(make: Make, sending: Sending): Promise<pg.QueryResult> {
    const client = await this.connect();
    client.on('error', ignore); // a connection that breaks says so to the statement as well
    let isSpoilt = true;
    try {
      const result = await send(client, make);
      isSpoilt = client.getTransactionStatus() !== 'I';
      return result;
    } catch (error) {
      isSpoilt = spoils(error, sending);
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(isSpoilt);
    }
  }

  private shared(make: Make, sending: Sending): Promise<pg.QueryResult> {
    const pipeline = this.pipelines.find(({ hasRoom }) => hasRoom) ?? this.newPipeline();
    return pipeline.run(make, (error) => spoils(error, sending));
  }

  private newPipeline(): Pipeline {
    const made = new Pipeline(this, () => (this.pipelines = this.pipelines.filter((pipeline) => pipeline !== made)));
    this.pipelines.push(made);
    return made;
  }

  private keepNoStatements(): void {
    if (this.keepsStatements)
      new Logger('TenantPool').warn('Prepared statements get lost on the way to Postgres: doing without.');
    this.keepsStatements = false;
  }
}

const ignore = (): void => undefined;

/** What is to blame for `error` if not the statement itself. */
function faultOf(error: unknown, { prepares, isShared }: Sending): 'mixed up' | 'outdated' | 'would wait' | undefined {
  const code = postgresError(error)?.code ?? '';
  if (prepares !== 'nothing' && MIXED_UP.includes(code)) return 'mixed up';
  if (prepares === 'the statement too' && OUTDATED.includes(code)) return 'outdated';
  return isShared && code === WOULD_WAIT ? 'would wait' : undefined;
}

/** Whether the connection is better closed after `error`. */
function spoils(error: unknown, sending: Sending): boolean {
  const fault = faultOf(error, sending);
  return fault === 'mixed up' || fault === 'outdated' || !postgresError(error) || isUnavailable(error);
}

/** The `pg` module as TypeORM's driver wants it, with our pool in it. */
export const pgWithTenantPool = { ...pg, Pool: TenantPool };

/** Outside a transaction a connection is in no schema, also where nobody has told its login so. */
async function prepare(client: pg.ClientBase): Promise<void> {
  await client.query(`SET search_path TO ''`);
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((text: unknown, ...rest: unknown[]) => {
    if (text === 'COMMIT') return commit(query(text) as Promise<pg.QueryResult>);
    return query(text === 'START TRANSACTION' ? begin(currentScope()) : text, ...rest);
  }) as typeof client.query;
}

/** Postgres rolls back where a statement has failed, and calls that an answer to COMMIT: here it is an error. */
async function commit(answer: Promise<pg.QueryResult>): Promise<pg.QueryResult> {
  const result = await answer;
  if (result.command === 'COMMIT') return result;
  throw new Error(
    'A statement of this transaction failed and its error was caught, so nothing of it is kept: run what may fail in currentUnit().attempt(…).',
  );
}

/** On whose behalf a transaction works is for triggers to write down. */
function begin(scope: Scope | undefined): string {
  if (!scope) return 'START TRANSACTION';
  const { tenant, actor, requestId } = scope;
  const settings = [
    `search_path TO ${pg.escapeIdentifier(tenant.schema)}`,
    ...(tenant.role ? [`ROLE ${pg.escapeIdentifier(tenant.role)}`] : []),
    `app.actor TO ${pg.escapeLiteral(actor)}`,
    `app.request_id TO ${pg.escapeLiteral(requestId)}`,
  ];
  return ['START TRANSACTION', ...settings.map((setting) => `SET LOCAL ${setting}`)].join('; ');
}
