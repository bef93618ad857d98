import { Inject } from '@nestjs/common';
import { DeepPartial, FindOptionsWhere, ObjectLiteral, Repository } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { BaseEntity, BulkWriter, currentScope, currentUnit, Row } from '@app/database';
import { Item, ItemRules } from './item-rules';
import { naturalKeyOf } from './natural-key';
import { causeOf } from './problem/database-causes';
import { Cause, Problem } from './problem/problem';
import { Cursors } from './reading/cursors';
import { Condition, OneQuery, PageQuery } from './reading/list-query';
import { ListSql, Statement } from './reading/list-sql';
import { isRefused, Outcome, Verb, writeEach, Written } from './write-each';

/** Any change to any record: its id, what to change, and the version it must still have, if that matters. */
export type Change<E> = DeepPartial<E> & { id: string; version?: number };

/** How many records are written. */
export interface How {
  /** `atomic` (the default): all or none, a problem naming each bad item. `partial`: whatever can be written. */
  mode?: 'atomic' | 'partial';
  /** Whether the outcomes carry the records as they now are. */
  representation?: boolean;
}

/** Some records of a list, and where the next ones begin. */
export interface Page<E> {
  items: E[];
  nextCursor: string | null;
  /** How many records the whole list has, when that was asked. */
  total?: number;
}

/**
 * What can be done with one and with many records of any model. One record is written as a list of one: a rule put into
 * an override of `createMany` holds for `createOne` too.
 */
export abstract class CrudService<E extends BaseEntity> {
  @Inject(Cursors)
  private readonly cursors: Cursors;
  private readonly writer: BulkWriter<E>;
  private readonly rules: ItemRules<E>;

  private compiled?: ListSql;

  constructor(protected readonly repository: Repository<E>) {
    this.writer = new BulkWriter(repository);
    this.rules = new ItemRules(this.writer);
  }

  private get lists(): ListSql {
    return (this.compiled ??= new ListSql(this.writer.sql));
  }

  /** A part of the list of all records that `query` selects, in the order it asks for. */
  async readPage(query: PageQuery = {}): Promise<Page<E>> {
    const { limit = 50, cursor, sort, include } = query;
    if (cursor !== undefined && query.offset !== undefined) {
      throw Problem.of([
        { status: 400, code: 'conflict', pointer: '/offset', detail: 'Give cursor or offset, not both.' },
      ]);
    }
    const list = this.identityOf(query);
    const position = cursor === undefined ? undefined : await this.cursors.open(list, cursor);
    const rows = await this.query(this.lists.page(query, limit + 1, position)); // one more, to know whether there is more
    const items = rows.slice(0, limit).map((row) => this.lists.hydrate<E>(row, include));
    const last = rows.length > limit ? this.lists.positionOf(items[limit - 1], sort) : undefined;
    return {
      items,
      nextCursor: last ? await this.cursors.seal(list, last) : null,
      ...(await this.totalOf(query)),
    };
  }

  async readOne(id: string, query: OneQuery = {}): Promise<E> {
    const [row] = await this.query(this.lists.one(id, query));
    if (!row) throw this.notFound();
    return this.lists.hydrate<E>(row, query.include);
  }

  /** The record that has these values. Throws 404 when there is none. */
  async readOneBy(where: FindOptionsWhere<E>): Promise<E> {
    const row = await this.repository.findOneBy(where);
    if (!row) throw this.notFound();
    return row;
  }

  /** The records of `ids`, each once and in that order, and the ids that have none. */
  async readMany(ids: string[]): Promise<{ items: E[]; missing: string[] }> {
    const wanted = [...new Set(ids.map((id) => id.toLowerCase()))];
    const filter: Condition[] = [{ field: 'id', operator: 'in', values: wanted }];
    const rows = wanted.length ? await this.query(this.lists.all({ filter })) : [];
    const found = byId(rows.map((row) => this.lists.hydrate<E>(row)));
    return { items: wanted.flatMap((id) => found.get(id) ?? []), missing: wanted.filter((id) => !found.has(id)) };
  }

  async createOne(values: DeepPartial<E>): Promise<E> {
    return (await only(this.createMany([values], ONE))).row!;
  }

  /** Creates a record, or changes the one that has its natural key. */
  async upsertOne(values: DeepPartial<E>): Promise<{ row: E; created: boolean }> {
    const { row, status } = await only(this.upsertMany([values], ONE));
    return { row: row!, created: status === 'created' };
  }

  async updateOne(id: string, values: DeepPartial<E>): Promise<E> {
    return (await only(this.updateMany([{ ...values, id } as Change<E>], ONE))).row!;
  }

  async deleteOne(id: string): Promise<void> {
    await only(this.deleteMany([id], ONE));
  }

  createMany(values: DeepPartial<E>[], how: How = {}): Promise<Outcome<E>[]> {
    const items = values.map((value, index) => this.rules.item(index, value, uuidv7()));
    for (const item of items) this.rules.requireAll(item);
    this.rules.refuseTwins(items, this.rules.uniqueKeys);

    return this.writeAll(items, how, 'write', {
      write: async (sound) => {
        const rows = byId(await this.writer.insert(rowsOf(sound), how.representation ?? false));
        return sound.map(({ row: { id } }) => ({ status: 'created', id, row: rows.get(id) }));
      },
      causes: (sound) => this.rules.causes(sound, this.rules.uniqueKeys),
    });
  }

  /** Creates the new ones and changes those whose natural key is taken; what an item omits stays as it is. */
  upsertMany(values: DeepPartial<E>[], how: How = {}): Promise<Outcome<E>[]> {
    const key = naturalKeyOf(this.repository.target)!;
    const items = values.map((value, index) => this.rules.item(index, value, uuidv7()));
    for (const item of items) this.rules.requireKey(item, key);
    this.rules.refuseTwins(items, this.rules.uniqueKeys);

    return this.writeAll(items, how, 'write', {
      write: async (sound) => {
        const found = await this.writer.lockByKey(key, rowsOf(sound));
        const known = new Map(found.map(({ row, place }) => [sound[place], row]));
        const created = sound.filter((item) => !known.has(item) && !this.rules.lacking(item).length);
        const changed = sound.flatMap((item) => (known.has(item) ? [{ item, before: known.get(item)! }] : []));

        const inserted = byId(await this.writer.insert(rowsOf(created), how.representation ?? false));
        const updated = byId(
          await this.writer.update(
            changed.map(({ item, before }) => ({ ...item.row, id: before.id })),
            how.representation ?? false,
          ),
        );
        return sound.map((item): Outcome<E> => {
          const before = known.get(item);
          if (before)
            return {
              status: 'updated',
              id: before.id,
              row: how.representation ? (updated.get(before.id) ?? before) : undefined,
            };
          const lacking = this.rules.lacking(item);
          if (lacking.length) return { causes: lacking };
          return { status: 'created', id: item.row.id, row: inserted.get(item.row.id) };
        });
      },
      causes: (sound) => this.rules.causes(sound, []), // which records their other unique values may belong to, only writing tells
    });
  }

  updateMany(changes: Change<E>[], how: How = {}): Promise<Outcome<E>[]> {
    const items = changes.map((change, index) => this.rules.item(index, change, change.id.toLowerCase()));
    for (const item of items) this.rules.refuseNulls(item);
    this.rules.refuseTwins(items, [['id'], ...this.rules.uniqueKeys]);

    return this.writeAll(items, how, 'write', {
      write: async (sound) => {
        const before = byId(
          await this.writer.lockById(
            sound.map(({ row }) => row.id),
            'NO KEY UPDATE',
          ),
        );
        const refusal = ({ index, row }: Item): Cause | undefined => {
          const found = before.get(row.id);
          if (!found) return this.missing();
          const expected = changes[index].version;
          return expected === undefined || expected === found.version ? undefined : staleVersion(found.version);
        };
        const current = sound.filter((item) => !refusal(item));
        const after = byId(await this.writer.update(rowsOf(current), how.representation ?? false));
        return sound.map((item): Outcome<E> => {
          const cause = refusal(item);
          if (cause) return { causes: [cause] };
          const { id } = item.row;
          return { status: 'updated', id, row: how.representation ? (after.get(id) ?? before.get(id)) : undefined };
        });
      },
      causes: (sound) => this.rules.causes(sound, this.rules.uniqueKeys),
    });
  }

  deleteMany(ids: string[], how: How = {}): Promise<Outcome<E>[]> {
    const items = ids.map((id, index) => this.rules.item(index, {} as DeepPartial<E>, id.toLowerCase()));
    this.rules.refuseTwins(items, [['id']], ''); // an item is its id

    return this.writeAll(items, how, 'delete', {
      write: async (sound) => {
        const found = byId(
          await this.writer.lockById(
            sound.map(({ row }) => row.id),
            'UPDATE',
          ),
        );
        await this.writer.delete([...found.keys()]);
        return sound.map(({ row: { id } }) =>
          found.has(id) ? { status: 'deleted', id } : { causes: [this.missing()] },
        );
      },
      causes: (sound) => this.rules.references(sound),
    });
  }

  /** Writes the items without faults; with `atomic`, all of them or a problem that names every fault found. */
  private async writeAll(
    items: Item[],
    { mode = 'atomic' }: How,
    kind: 'write' | 'delete',
    verb: Omit<Verb<Item, E>, 'causeOf'>,
  ): Promise<Outcome<E>[]> {
    const entities = this.repository.metadata.dataSource.entityMetadatas;
    const sound = this.rules.inLockOrder(items.filter(({ causes }) => !causes.length));
    return currentUnit().attempt(async () => {
      const written = await writeEach(sound, { ...verb, causeOf: (error) => causeOf(error, entities, kind) });
      const outcomes = items.map((item) => (item.causes.length ? { causes: item.causes } : written.get(item)!));
      if (mode === 'atomic' && outcomes.some(isRefused))
        throw Problem.of(located(outcomes, kind === 'delete' ? '/ids' : ''));
      return outcomes;
    });
  }

  private async totalOf(query: PageQuery): Promise<{ total?: number }> {
    if (query.count === 'exact') {
      const [{ total }] = await this.query(this.lists.count(query));
      return { total: total as number };
    }
    if (query.count !== 'estimated') return {};
    const [{ 'QUERY PLAN': plan }] = await this.query(this.lists.estimate(query));
    return { total: (plan as [{ Plan: { 'Plan Rows': number } }])[0].Plan['Plan Rows'] };
  }

  /** What tells the list of `query` from any other: a cursor of it is good for no other. */
  private identityOf({ sort, filter, deleted }: PageQuery): string {
    const { tableName } = this.repository.metadata;
    return JSON.stringify([currentScope()?.tenant.id, tableName, sort, filter, deleted]);
  }

  private query({ text, parameters }: Statement): Promise<ObjectLiteral[]> {
    return currentUnit().manager.query(text, parameters);
  }

  private missing(): Cause {
    return { status: 404, code: 'not_found', pointer: '', detail: `${this.repository.metadata.name} does not exist.` };
  }

  private notFound(): Problem {
    const { status, code, detail } = this.missing();
    return new Problem(status, code, detail);
  }
}

const ONE: How = { mode: 'partial', representation: true };

/** What became of the only item, or a problem that speaks of it alone. */
async function only<E>(outcomes: Promise<Outcome<E>[]>): Promise<Written<E>> {
  const [outcome] = await outcomes;
  if (isRefused(outcome)) throw Problem.of(outcome.causes);
  return outcome;
}

/** The causes of all refused items, each pointing into the list, which stands at `base` in the body. */
export const located = (outcomes: Outcome<unknown>[], base = ''): Cause[] =>
  outcomes.flatMap((outcome, index) =>
    isRefused(outcome)
      ? outcome.causes.map((cause) => ({ ...cause, index, pointer: `${base}/${index}${cause.pointer}` }))
      : [],
  );

const rowsOf = (items: Item[]): Row[] => items.map(({ row }) => row);
const byId = <E extends { id: string }>(rows: E[]): Map<string, E> => new Map(rows.map((row) => [row.id, row]));

const staleVersion = (version: number): Cause => ({
  status: 412,
  code: 'version',
  pointer: '/version',
  detail: `The record has changed meanwhile: its version is ${version}.`,
});
