import { AsyncLocalStorage } from 'node:async_hooks';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Logger } from '@nestjs/common';
import { DataSource, EntityManager, QueryResult } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { copyFrom, copyTo } from './copy';
import { isRetryable } from './database-errors';
import { LateRunner } from './late-runner';
import type { Scope } from './scope';
import { SingleRunner } from './single-runner';
import type { Single } from './tenant-pool';

const logger = new Logger('Unit');

const ATTEMPTS = 3; // of what Postgres ended for the sake of another transaction

/** One transaction in one tenant's schema, begun at its first query: everything in it happens, or none of it. */
export class Unit {
  /** The instant of everything this unit creates or changes. */
  readonly now = new Date();
  private made?: LateRunner;
  private isOver = false;
  private keepsNothing = false;
  private willWriteOnce = false;
  private answer?: Readable;

  constructor(
    private readonly dataSource: DataSource,
    private readonly scope: Scope,
  ) {}

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
        return await (this.made?.hasBegun ? this.insideSavepoint(work) : this.fromTheStart(work));
      } catch (error) {
        if (attempt === ATTEMPTS || !isRetryable(error)) throw error;
      }
    }
  }

  /** Undoes what the unit did and gives its connection back; its next statement begins anew. */
  async startOver(): Promise<void> {
    await this.rollBack();
    this.made = undefined;
    this.isOver = false;
  }

  /**
   * Runs the only statement of this unit in one round trip instead of three, and gives its rows. What it writes is kept
   * at once: use it where nothing follows that could fail, for nothing can undo it. Statements that come after it begin
   * the transaction; in one that has begun, and in a dry run, it is a statement like any other.
   */
  async single<R>(text: string, parameters: unknown[] = [], how: Single = {}): Promise<R[]> {
    const isOnly = !this.isOver && !this.keepsNothing && (this.made?.isUntouched ?? true);
    const driver = this.dataSource.driver as PostgresDriver;
    const runner = isOnly ? new SingleRunner(driver, this.scope, how) : this.runner;
    return rowsOf(await runner.query(text, parameters, true));
  }

  /**
   * Reads by another connection while a COPY has this unit's, and gives the rows: it sees what others have kept, and
   * nothing of this unit. Only where the pool is sure to have one to spare.
   */
  async aside<R>(text: string, parameters: unknown[]): Promise<R[]> {
    const runner = new SingleRunner(this.dataSource.driver as PostgresDriver, this.scope, {});
    return rowsOf(await runner.query(text, parameters, true));
  }

  /**
   * Says that one statement will be all this unit writes, and that nothing after it can fail: `write` then takes the way of
   * `single`. For code that knows all of its unit's work.
   */
  writesOnce(): void {
    this.willWriteOnce = true;
  }

  /** Runs a statement that writes, and gives the rows it returns. */
  async write<R>(text: string, parameters: unknown[]): Promise<R[]> {
    if (this.willWriteOnce) return this.single(text, parameters, { prepare: true });
    return rowsOf(await this.runner.query(text, parameters, true));
  }

  /**
   * Runs a statement in this unit's transaction on tables that are no tenant's, with their schema in its text: as the
   * application, because a tenant's role may not see them.
   */
  async asApplication<R>(text: string, parameters: unknown[]): Promise<R[]> {
    const { role } = this.scope.tenant;
    if (role === null) return rowsOf(await this.runner.query(text, parameters, true));
    return rowsOf(await this.runner.withoutRole(role, text, parameters));
  }

  /** Runs a COPY … TO STDOUT; no other statement can run until the stream has ended. */
  copyOut(text: string): Promise<Readable> {
    return this.runner.copy(copyTo(text));
  }

  /** Runs a COPY … FROM STDIN; no other statement can run until the stream has finished, or was destroyed and has closed. */
  copyIn(text: string): Promise<Writable> {
    return this.runner.copy(copyFrom(text));
  }

  /**
   * Lets the unit outlive its work until `stream` has closed, for an answer that is read from the database while it is
   * sent: it commits when the stream has ended, and rolls back when it fails or its reader leaves, stopping what still
   * runs. What such a unit writes may be undone after its answer has left, so let it only read.
   */
  handOverTo<S extends Readable>(stream: S): S {
    if (this.answer) throw new Error('This unit of work was handed over to a stream already.');
    this.answer = stream;
    stream.on('error', () => undefined); // its reader's concern; without any listener it would end the process
    stream._read = AsyncLocalStorage.bind(stream._read); // what it reads, it reads in this scope, whoever asks for it
    return stream;
  }

  /** Ends a unit whose work went well: at once, or when the stream it was handed over to has closed. */
  async end(): Promise<void> {
    if (!this.answer) return this.commit();
    void finished(this.answer, { writable: false }).then(
      () =>
        this.commit().catch((cause) =>
          logger.warn(new Error('A unit of work was not kept, though its answer has left.', { cause })),
        ),
      () => this.rollBack(false),
    );
  }

  /** Ends a unit whose work failed. */
  async fail(error: Error): Promise<void> {
    this.answer?.destroy(error);
    await this.rollBack();
  }

  private async commit(): Promise<void> {
    if (this.keepsNothing) return this.rollBack();
    this.isOver = true;
    try {
      await this.made?.commitAll();
      await this.made?.release();
    } catch (error) {
      await this.rollBack();
      throw error;
    }
  }

  /** Never throws: a connection too broken to roll back has nothing left to undo. */
  private async rollBack(waits = true): Promise<void> {
    this.isOver = true;
    this.made?.refuseMore();
    await this.made?.rollBackAll(waits).catch(() => undefined);
    await this.made?.release();
  }

  /** Made at its first use: a unit of single statements needs none. */
  private get runner(): LateRunner {
    if (this.made) return this.made;
    const made = new LateRunner(this.dataSource.driver as PostgresDriver, 'master');
    if (this.isOver) made.refuseMore();
    return (this.made = Object.assign(made, { manager: this.dataSource.createEntityManager(made) }));
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
      await this.made?.rollBackAll().catch(() => undefined);
      throw error;
    }
  }
}

const rowsOf = <R>({ records }: QueryResult<R>): R[] => records;
