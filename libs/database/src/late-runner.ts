import { type Client, escapeIdentifier, type Pool, type PoolClient } from 'pg';
import type { QueryResult } from 'typeorm';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner';
import { Copy } from './copy';
import { ConnectionLost } from './database-errors';
import { setPipelining } from './pipeline';

const EDGES = ['START TRANSACTION', 'COMMIT', 'ROLLBACK'];

/**
 * A query runner whose first statement is preceded by START TRANSACTION; every further transaction is a savepoint in it.
 * Statements that are asked for at the same time are sent in turn.
 */
export class LateRunner extends PostgresQueryRunner {
  private beginning?: Promise<void>;
  private isOver = false;
  private running = 0;
  private lastCopy?: Copy;
  private turn: Promise<unknown> = Promise.resolve();

  get hasBegun(): boolean {
    return this.beginning !== undefined;
  }

  /** Whether nothing has been asked of it, and something still may be. */
  get isUntouched(): boolean {
    return !this.hasBegun && !this.isOver;
  }

  override async query(text: string, ...rest: [parameters?: unknown[], structured?: boolean]): Promise<any> {
    if (!EDGES.includes(text)) await this.begin();
    return this.inTurn(() => super.query(text, ...(rest as [])));
  }

  /** Runs a statement as the login instead of as `role`, in one round trip. */
  async withoutRole(role: string, text: string, parameters: unknown[]): Promise<QueryResult> {
    await this.begin();
    const client = (await this.connect()) as PoolClient;
    return this.inTurn(async () => {
      setPipelining(client, true);
      const [, result, back] = await Promise.allSettled([
        super.query('SET LOCAL ROLE NONE'),
        super.query(text, parameters, true),
        super.query(`SET LOCAL ROLE ${escapeIdentifier(role)}`),
      ]);
      setPipelining(client, false);
      if (result.status === 'rejected') throw result.reason;
      if (back.status === 'rejected') throw back.reason;
      return result.value as QueryResult;
    });
  }

  override async stream(...args: Parameters<PostgresQueryRunner['stream']>): ReturnType<PostgresQueryRunner['stream']> {
    await this.begin();
    return super.stream(...args);
  }

  override async startTransaction(isolationLevel?: unknown): Promise<void> {
    if (isolationLevel)
      throw new Error('A transaction within a unit of work is a savepoint, and cannot have an isolation level.');
    await this.begin();
    await super.startTransaction();
  }

  /** Sends a COPY; until it is over the connection has no ear for anything else. */
  async copy<C extends Copy>(copy: C): Promise<C> {
    await this.query('SET LOCAL statement_timeout = 0'); // who sends or reads slowly is not a slow statement
    const client = (await this.connect()) as Client;
    const { logger } = this.dataSource;
    logger.logQuery(copy.text, undefined, this);
    copy.on('error', (error: Error) => logger.logQueryError(error, copy.text, undefined, this));
    this.lastCopy = copy;
    return client.query(copy);
  }

  /** Refuses every statement from now on: work that nobody awaited must not begin a transaction nobody ends. */
  refuseMore(): void {
    this.isOver = true;
  }

  async commitAll(): Promise<void> {
    await this.beginning;
    this.refuseMore();
    if (!this.hasBegun) return;
    if (this.transactionDepth > 1 || this.isCopying) {
      throw new Error('A unit of work ended before a part of it did: await everything it does.');
    }
    await this.commitTransaction();
  }

  /** Undoes everything; what still runs is waited for, or stopped if that would take too long. */
  async rollBackAll(waits = true): Promise<void> {
    if (!this.beginning) return;
    await this.beginning.catch(() => undefined); // a transaction may have begun, and then failed to switch
    this.transactionDepth = 1; // whatever savepoints there are go with it
    try {
      if (this.isCopying || (!waits && this.running)) await this.hangUp();
      else await this.rollbackTransaction();
    } finally {
      this.beginning = undefined;
    }
  }

  private get isCopying(): boolean {
    return this.lastCopy?.isOver() === false;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.running++;
    const result = this.turn
      .then(() => {
        if (this.isReleased) throw new ConnectionLost(); // TypeORM lets go of a connection that broke
        if (this.isCopying) throw new Error('A COPY of this unit of work is under way: read or write it to its end.');
        return work();
      })
      .finally(() => this.running--);
    this.turn = result.catch(ignore);
    return result;
  }

  private async begin(): Promise<void> {
    if (!this.isOver) await (this.beginning ??= super.startTransaction());
    if (this.isOver) throw new Error('This unit of work is over: await everything it does.');
  }

  /**
   * Rolls back by ending the connection, whatever it is doing: a server that writes to it notices that at once. One that
   * computes does not, but can be told so over another connection.
   */
  private async hangUp(): Promise<void> {
    const client = (await this.connect()) as Client & { processID: number };
    this.releaseCallback?.(new ConnectionLost());
    this.releaseCallback = undefined;
    await this.release();
    const pool = this.driver.master as Pool;
    void pool.query('SELECT pg_cancel_backend($1)', [client.processID]).catch(() => undefined); // then its timeout ends it
  }
}

const ignore = (): void => undefined;
