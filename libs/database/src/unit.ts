import { DataSource, EntityManager } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner';
import { ConnectionLost, isRetryable } from './database-errors';

const ATTEMPTS = 3; // of what Postgres ended for the sake of another transaction

/** One transaction in one tenant's schema, begun at its first query: everything in it happens, or none of it. */
export class Unit {
  /** The instant of everything this unit creates or changes. */
  readonly now = new Date();
  private runner: LateRunner;
  private keepsNothing = false;

  constructor(private readonly dataSource: DataSource) {
    this.runner = this.newRunner();
  }

  get manager(): EntityManager {
    return this.runner.manager;
  }

  /** Lets the unit answer as if all went well and then undoes it: a dry run. */
  keepNothing(): void {
    this.keepsNothing = true;
  }

  /** Runs `work` so that its failure undoes only what `work` did and the unit can go on; work that lost a deadlock is run again. */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await (this.runner.hasBegun ? this.insideSavepoint(work) : this.fromTheStart(work));
      } catch (error) {
        if (attempt === ATTEMPTS || !isRetryable(error)) throw error;
      }
    }
  }

  /** Undoes what the unit did and gives its connection back; its next statement begins anew. */
  async startOver(): Promise<void> {
    await this.rollBack();
    await this.runner.release();
    this.runner = this.newRunner();
  }

  async commit(): Promise<void> {
    if (this.keepsNothing) await this.rollBack();
    else await this.runner.commitAll();
  }

  /** Never throws: a connection too broken to roll back has nothing left to undo. */
  async rollBack(): Promise<void> {
    this.runner.refuseMore();
    await this.runner.rollBackAll().catch(() => undefined);
  }

  async release(): Promise<void> {
    await this.runner.release();
  }

  private newRunner(): LateRunner {
    const runner = new LateRunner(this.dataSource.driver as PostgresDriver, 'master');
    return Object.assign(runner, { manager: this.dataSource.createEntityManager(runner) });
  }

  private async insideSavepoint<T>(work: () => Promise<T>): Promise<T> {
    await this.runner.startTransaction();
    try {
      const result = await work();
      await this.runner.commitTransaction();
      return result;
    } catch (error) {
      await this.runner.rollbackTransaction().catch(() => undefined); // `error` says more
      throw error;
    }
  }

  /** Nothing ran before, so a failure may undo the whole transaction: two round trips less than a savepoint. */
  private async fromTheStart<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.runner.rollBackAll().catch(() => undefined);
      throw error;
    }
  }
}

const EDGES = ['START TRANSACTION', 'COMMIT', 'ROLLBACK'];

/** A query runner whose first statement is preceded by START TRANSACTION; every further transaction is a savepoint in it. */
class LateRunner extends PostgresQueryRunner {
  private beginning?: Promise<void>;
  private isOver = false;

  get hasBegun(): boolean {
    return this.beginning !== undefined;
  }

  override async query(text: string, ...rest: [parameters?: unknown[], structured?: boolean]): Promise<any> {
    if (!EDGES.includes(text)) await this.begin();
    if (this.isReleased) throw new ConnectionLost(); // TypeORM lets go of a connection that broke
    return super.query(text, ...(rest as []));
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

  /** Refuses every statement from now on: work that nobody awaited must not begin a transaction nobody ends. */
  refuseMore(): void {
    this.isOver = true;
  }

  async commitAll(): Promise<void> {
    await this.beginning;
    this.refuseMore();
    if (!this.hasBegun) return;
    if (this.transactionDepth > 1) {
      throw new Error('A unit of work ended before a part of it did: await everything it does.');
    }
    await this.commitTransaction();
  }

  async rollBackAll(): Promise<void> {
    if (!this.beginning) return;
    await this.beginning.catch(() => undefined); // a transaction may have begun, and then failed to switch
    this.transactionDepth = 1; // whatever savepoints there are go with it
    try {
      await this.rollbackTransaction();
    } finally {
      this.beginning = undefined;
    }
  }

  private async begin(): Promise<void> {
    if (!this.isOver) await (this.beginning ??= super.startTransaction());
    if (this.isOver) throw new Error('This unit of work is over: await everything it does.');
  }
}
