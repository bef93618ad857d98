import type { Readable } from 'node:stream';
import { Inject } from '@nestjs/common';
import { DeepPartial, FindOptionsWhere, Repository } from 'typeorm';
import { BaseEntity, naturalKeyOf, SqlOf } from '@app/database';
import { Problem } from './problem/problem';
import { Cursors } from './reading/cursors';
import { ExportQuery, OneQuery, PageQuery, Selection } from './reading/list-query';
import { ListSql } from './reading/list-sql';
import { Page, Reader } from './reading/reader';
import { Exporter, HowExport } from './transfer/exporter';
import { HowImport, Importer, ImportLine, ImportReport } from './transfer/importer';
import { Conditions } from './writing/conditions';
import { byId, Change, How, HowMatching, RecordWriter } from './writing/record-writer';
import { isRefused, Outcome, Written } from './writing/write-each';

/**
 * What can be done with one and with many records of any model. One record is written as a list of one: a rule put into
 * an override of `createMany` holds for `createOne` too.
 */
export abstract class CrudService<E extends BaseEntity> {
  @Inject(Cursors)
  protected readonly cursors: Cursors;
  private readonly writer: RecordWriter<E>;
  private prepared?: { lists: ListSql; reader: Reader<E> };

  /** `sqlOf` is for models that are written in another way than into one table. */
  constructor(
    protected readonly repository: Repository<E>,
    sqlOf?: SqlOf,
  ) {
    this.writer = new RecordWriter(repository, sqlOf);
  }

  /** A part of the list of all records that `query` selects, in the order it asks for. */
  readPage(query: PageQuery = {}): Promise<Page<E>> {
    return this.reader.page(query);
  }

  async readOne(id: string, query: OneQuery = {}): Promise<E> {
    return this.orNotFound(await this.reader.one(id, query));
  }

  /** The record that has these values. Throws 404 when there is none. */
  async readOneBy(where: FindOptionsWhere<E>): Promise<E> {
    return this.orNotFound(await this.repository.findOneBy(where));
  }

  /** The records of `ids`, each once and in that order, and the ids that have none. */
  async readMany(ids: string[]): Promise<{ items: E[]; missing: string[] }> {
    const wanted = [...new Set(ids.map((id) => id.toLowerCase()))];
    const found = byId(wanted.length ? await this.reader.some(wanted) : []);
    return { items: wanted.flatMap((id) => found.get(id) ?? []), missing: wanted.filter((id) => !found.has(id)) };
  }

  async createOne(values: DeepPartial<E>): Promise<E> {
    return (await only(this.createMany([values], ONE))).row!;
  }

  /** Creates a record, or changes the one that has its natural key. */
  async upsertOne(values: DeepPartial<E>, conditions: Conditions = {}): Promise<{ row: E; created: boolean }> {
    const { row, status } = await only(this.upsertMany([values], { ...conditions, ...ONE }));
    return { row: row!, created: status === 'created' };
  }

  async updateOne(id: string, values: DeepPartial<E>, conditions: Conditions = {}): Promise<E> {
    return (await only(this.updateMany([{ ...values, id } as Change<E>], { ...conditions, ...ONE }))).row!;
  }

  async deleteOne(id: string, how: Conditions & Pick<How, 'purge'> = {}): Promise<void> {
    await only(this.deleteMany([id], { ...how, ...ONE }));
  }

  /** Shows a deleted record again; one that is not deleted stays as it is. For models with soft delete. */
  restoreOne(id: string, conditions: Conditions = {}): Promise<E> {
    return this.writer.restore(id, conditions);
  }

  createMany(values: DeepPartial<E>[], how: How = {}): Promise<Outcome<E>[]> {
    return this.writer.create(values, how);
  }

  /** Creates the new ones and changes those whose natural key is taken; what an item omits stays as it is. */
  upsertMany(values: DeepPartial<E>[], how: How = {}): Promise<Outcome<E>[]> {
    return this.writer.upsert(values, how);
  }

  updateMany(changes: Change<E>[], how: How = {}): Promise<Outcome<E>[]> {
    return this.writer.change(changes, how);
  }

  deleteMany(ids: string[], how: How = {}): Promise<Outcome<E>[]> {
    return this.writer.delete(ids, how);
  }

  /** Deletes whatever is selected, and says how many records that were. */
  deleteMatching(selection: Selection, how: HowMatching = {}): Promise<number> {
    return this.writer.deleteMatching(this.lists, selection, how);
  }

  /** Those of the records that there are, which nobody else changes or deletes until the unit of work is over. */
  lockMany(ids: string[]): Promise<E[]> {
    return this.writer.lock(ids);
  }

  /** Writes the records of a file, whose lines come in batches. */
  async importMany(batches: AsyncIterable<ImportLine<DeepPartial<E>>[]>, how: HowImport = {}): Promise<ImportReport> {
    return new Importer<E>(this.writer.sql, naturalKeyOf(this.repository.target)!, how).run(batches);
  }

  /** All records that `query` selects, as the bytes of a file. */
  exportMany(query: ExportQuery, how: HowExport<E>): Promise<Readable> {
    return new Exporter<E>(this.writer.sql, this.lists).stream(query, how);
  }

  private get lists(): ListSql {
    return this.prepare().lists;
  }

  private get reader(): Reader<E> {
    return this.prepare().reader;
  }

  /** The metadata of entities is not there before the connection is. */
  private prepare() {
    const lists = this.prepared?.lists ?? new ListSql(this.writer.sql);
    return (this.prepared ??= { lists, reader: new Reader(lists, this.cursors) });
  }

  /** Throws 404 where there is no `row`. */
  protected orNotFound<T>(row: T | null | undefined): T {
    if (row) return row;
    const { status, code, detail } = this.writer.missing();
    throw new Problem(status, code, detail);
  }
}

const ONE: How = { mode: 'partial', representation: true };

/** What became of the only item, or a problem that speaks of it alone. */
async function only<E>(outcomes: Promise<Outcome<E>[]>): Promise<Written<E>> {
  const [outcome] = await outcomes;
  if (isRefused(outcome)) throw Problem.of(outcome.causes);
  return outcome;
}
