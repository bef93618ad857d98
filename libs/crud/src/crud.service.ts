import { Inject } from '@nestjs/common';
import { DeepPartial, FindOptionsWhere, Repository } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { BaseEntity, BulkWriter, currentUnit, Row } from '@app/database';
import { Item, ItemRules } from './writing/item-rules';
import { naturalKeyOf } from './writing/natural-key';
import { causeOf } from './problem/database-causes';
import { Cause, Problem } from './problem/problem';
import { Conditions, etagOf, gone, mismatch } from './writing/conditions';
import { Cursors } from './reading/cursors';
import { OneQuery, PageQuery } from './reading/list-query';
import { Page, Reader } from './reading/reader';
import { isRefused, Outcome, Verb, writeEach, Written } from './writing/write-each';

/** Any change to any record: its id, what to change, and the version it must still have, if that matters. */
export type Change<E> = DeepPartial<E> & { id: string; version?: number };

/** How many records are written. */
export interface How extends Conditions {
  /** `atomic` (the default): all or none, a problem naming each bad item. `partial`: whatever can be written. */
  mode?: 'atomic' | 'partial';
  /** Whether the outcomes carry the records as they now are. */
  representation?: boolean;
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

  private prepared?: Reader<E>;

  constructor(protected readonly repository: Repository<E>) {
    this.writer = new BulkWriter(repository);
    this.rules = new ItemRules(this.writer);
  }

  private get reader(): Reader<E> {
    return (this.prepared ??= new Reader(this.writer.sql, this.cursors));
  }

  /** A part of the list of all records that `query` selects, in the order it asks for. */
  async readPage(query: PageQuery = {}): Promise<Page<E>> {
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

  async deleteOne(id: string, conditions: Conditions = {}): Promise<void> {
    await only(this.deleteMany([id], { ...conditions, ...ONE }));
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
        const refusal = (item: Item): Cause[] => {
          const before = known.get(item);
          if (before) return mismatch(before, how);
          return how.ifMatch ? [gone()] : this.rules.lacking(item);
        };
        const accepted = sound.filter((item) => !refusal(item).length);
        const created = accepted.filter((item) => !known.has(item));
        const changed = accepted.flatMap((item) => (known.has(item) ? [{ item, before: known.get(item)! }] : []));

        const inserted = byId(await this.writer.insert(rowsOf(created), how.representation ?? false));
        const updated = byId(
          await this.writer.update(
            changed.map(({ item, before }) => ({ ...item.row, id: before.id })),
            how.representation ?? false,
          ),
        );
        return sound.map((item): Outcome<E> => {
          const causes = refusal(item);
          if (causes.length) return { causes };
          const before = known.get(item);
          if (before)
            return {
              status: 'updated',
              id: before.id,
              row: how.representation ? (updated.get(before.id) ?? before) : undefined,
            };
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
        const refusal = ({ index, row }: Item): Cause[] => {
          const found = before.get(row.id);
          if (!found) return [this.missing()];
          const { version } = changes[index];
          return mismatch(found, version === undefined ? how : { ifMatch: [etagOf({ id: found.id, version })] });
        };
        const current = sound.filter((item) => !refusal(item).length);
        const after = byId(await this.writer.update(rowsOf(current), how.representation ?? false));
        return sound.map((item): Outcome<E> => {
          const causes = refusal(item);
          if (causes.length) return { causes };
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
        const refusal = (id: string) => (found.has(id) ? mismatch(found.get(id)!, how) : [this.missing()]);
        await this.writer.delete([...found.keys()].filter((id) => !refusal(id).length));
        return sound.map(({ row: { id } }) => {
          const causes = refusal(id);
          return causes.length ? { causes } : { status: 'deleted', id };
        });
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

  private missing(): Cause {
    return { status: 404, code: 'not_found', pointer: '', detail: `${this.repository.metadata.name} does not exist.` };
  }

  private orNotFound(row: E | null | undefined): E {
    if (row) return row;
    const { status, code, detail } = this.missing();
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

/** The causes of all refused items, each pointing into the list, which stands at `base` in the body. */
export const located = (outcomes: Outcome<unknown>[], base = ''): Cause[] =>
  outcomes.flatMap((outcome, index) =>
    isRefused(outcome)
      ? outcome.causes.map((cause) => ({ ...cause, index, pointer: `${base}/${index}${cause.pointer}` }))
      : [],
  );

const rowsOf = (items: Item[]): Row[] => items.map(({ row }) => row);
const byId = <E extends { id: string }>(rows: E[]): Map<string, E> => new Map(rows.map((row) => [row.id, row]));
