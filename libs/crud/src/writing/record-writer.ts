import { DeepPartial, Repository } from 'typeorm';
import { BaseEntity, BulkWriter, currentUnit, Locked, newId, Row, naturalKeyOf, SqlOf } from '@app/database';
import { causeOf } from '../problem/database-causes';
import { Cause, Problem } from '../problem/problem';
import { Selection } from '../reading/list-query';
import { ListSql } from '../reading/list-sql';
import { Conditions, etagOf, gone, mismatch } from './conditions';
import { Item, ItemRules } from './item-rules';
import { isRefused, Outcome, Verb, writeEach } from './write-each';

/** Any change to any record: its id, what to change, and the version it must still have, if that matters. */
export type Change<E> = DeepPartial<E> & { id: string; version?: number };

/** How records are written. */
export interface How extends Conditions {
  /** `atomic` (the default): all or none, a problem naming each bad item. `partial`: whatever can be written. */
  mode?: 'atomic' | 'partial';
  /** Whether the outcomes carry the records as they now are. */
  representation?: boolean;
  /** Whether to delete for good what would only be hidden. */
  purge?: boolean;
}

/** How all records of a selection are deleted. */
export interface HowMatching {
  /** More than so many are not to go: then none does. */
  maxAffected?: number;
}

/** Writes the records of one model in the running unit of work. */
export class RecordWriter<E extends BaseEntity> {
  private readonly writer: BulkWriter<E>;
  private readonly rules: ItemRules<E>;

  constructor(
    private readonly repository: Repository<E>,
    sqlOf?: SqlOf,
  ) {
    this.writer = new BulkWriter(repository, sqlOf);
    this.rules = new ItemRules(this.writer);
  }

  get sql(): BulkWriter<E>['sql'] {
    return this.writer.sql;
  }

  create(values: DeepPartial<E>[], how: How): Promise<Outcome<E>[]> {
    const items = values.map((value, index) => this.rules.item(index, value, newId()));
    for (const item of items) this.rules.requireAll(item);
    this.rules.refuseTwins(items, this.rules.uniqueKeys);

    return this.writeAll(items, how, 'write', {
      write: async (sound) => {
        const dead = await this.rules.deadReferences(sound);
        const rows = await this.insert(
          sound.filter((item) => !dead.has(item)),
          how,
        );
        return sound.map((item) => this.outcome(dead.get(item), 'created', item.row.id, rows.get(item.row.id)));
      },
      causes: (sound) => this.rules.causes(sound, this.rules.uniqueKeys),
    });
  }

  upsert(values: DeepPartial<E>[], how: How): Promise<Outcome<E>[]> {
    const key = naturalKeyOf(this.repository.target)!;
    const items = values.map((value, index) => this.rules.item(index, value, newId()));
    for (const item of items) this.rules.requireKey(item, key);
    this.rules.refuseTwins(items, this.rules.uniqueKeys);

    const isConditional = how.ifMatch !== undefined || how.ifNoneMatch !== undefined;
    return this.writeAll(items, how, 'write', {
      write: (sound) =>
        !isConditional && this.rules.fitOneStatement(sound, key)
          ? this.upsertAtOnce(sound, key, how)
          : this.upsertInSteps(sound, key, how),
      causes: (sound) => this.rules.causes(sound, []), // which records their other unique values may belong to, only writing tells
    });
  }

  change(changes: Change<E>[], how: How): Promise<Outcome<E>[]> {
    const items = changes.map((change, index) => this.rules.item(index, change, change.id.toLowerCase()));
    for (const item of items) this.rules.refuseNulls(item);
    this.rules.refuseTwins(items, [['id'], ...this.rules.uniqueKeys]);

    return this.writeAll(items, how, 'write', {
      write: async (sound) => {
        const { representation: whole } = how;
        const known = byId(await this.writer.lockById(idsOf(sound), 'NO KEY UPDATE', { whole }));
        const refused = await this.rules.deadReferences(sound.filter(({ row }) => known.has(row.id)));
        for (const item of sound) {
          const before = known.get(item.row.id);
          const { version } = changes[item.index];
          const demanded = version === undefined ? how : { ifMatch: [etagOf({ id: item.row.id, version })] };
          note(refused, item, before ? mismatch(before, demanded) : [this.missing()]);
        }
        const updated = await this.update(
          sound.filter((item) => !refused.has(item)),
          how,
        );
        return sound.map((item) => {
          const { id } = item.row;
          const row = whole ? (updated.get(id) ?? known.get(id)) : undefined;
          return this.outcome(refused.get(item), 'updated', id, row as E);
        });
      },
      causes: (sound) => this.rules.causes(sound, this.rules.uniqueKeys),
    });
  }

  delete(ids: string[], how: How): Promise<Outcome<E>[]> {
    const items = ids.map((id, index) => this.rules.item(index, {} as DeepPartial<E>, id.toLowerCase()));
    this.rules.refuseTwins(items, [['id']], ''); // an item is its id
    const hides = this.sql.metadata.deleteDateColumn && !how.purge;

    return this.writeAll(items, how, 'delete', {
      write: async (sound) => {
        const deleted = how.purge ? 'include' : 'exclude';
        const known = byId(await this.writer.lockById(idsOf(sound), 'UPDATE', { deleted }));
        const refused = new Map<Item, Cause[]>();
        for (const item of sound) {
          const before = known.get(item.row.id);
          note(refused, item, before ? mismatch(before, how) : [this.missing()]);
        }
        const doomed = idsOf(sound.filter((item) => !refused.has(item)));
        await (hides ? this.writer.softDelete(doomed) : this.writer.delete(doomed));
        return sound.map((item) => this.outcome(refused.get(item), 'deleted', item.row.id));
      },
      causes: (sound) => (hides ? Promise.resolve(new Map()) : this.rules.references(sound)),
    });
  }

  /** Deletes whatever `selection` selects when it is locked, and counts it. */
  async deleteMatching(lists: ListSql, selection: Selection, { maxAffected }: HowMatching): Promise<number> {
    const { text, parameters } = lists.delete(selection, currentUnit().now);
    return currentUnit().attempt(async () => {
      const count = await this.refusing('delete', async () => {
        const { affected } = await currentUnit().manager.queryRunner!.query(text, parameters, true);
        return affected!;
      });
      if (maxAffected !== undefined && count > maxAffected) {
        const detail = `${count} records would go, and maxAffected allows ${maxAffected}: none went.`;
        throw Problem.of([{ status: 422, code: 'too_many', pointer: '/maxAffected', detail }]);
      }
      return count;
    });
  }

  /** Shows a deleted record again. */
  async restore(id: string, conditions: Conditions): Promise<E> {
    const [row] = await this.writer.lockById([id], 'NO KEY UPDATE', { deleted: 'include', whole: true });
    const causes = row ? mismatch(row, conditions) : [this.missing()];
    if (causes.length) throw Problem.of(causes);
    const { deleteDateColumn } = this.sql.metadata;
    if (!row[deleteDateColumn!.propertyName as keyof E]) return row as E;
    return this.refusing('write', () => this.writer.restore(id));
  }

  /** Those records that there are, which nobody else writes until the unit of work is over. */
  async lock(ids: string[]): Promise<E[]> {
    return (await this.writer.lockById(ids, 'NO KEY UPDATE', { whole: true })) as E[];
  }

  missing(): Cause {
    return { status: 404, code: 'not_found', pointer: '', detail: `${this.repository.metadata.name} does not exist.` };
  }

  private async upsertAtOnce(items: Item[], key: string[], { representation = false }: How): Promise<Outcome<E>[]> {
    const spell = this.rules.spelling(key);
    const written = await this.writer.upsert(key, rowsOf(items), representation);
    const rows = new Map<string | undefined, Locked<E>>(written.map((row) => [spell(row), row]));
    const unchanged = items.filter(({ row }) => !rows.has(spell(row)));
    for (const { row, place } of await this.writer.lockByKey(key, rowsOf(unchanged), { whole: representation }))
      rows.set(spell(unchanged[place].row), row);
    return items.map((item) => {
      const row = rows.get(spell(item.row))!;
      const status = row.id === item.row.id ? 'created' : 'updated';
      return this.outcome(undefined, status, row.id, representation ? (row as E) : undefined);
    });
  }

  /** Looks first which records there are: what an item omits, it may only omit where there is one. */
  private async upsertInSteps(sound: Item[], key: string[], how: How): Promise<Outcome<E>[]> {
    const isAny = how.ifMatch === '*' || how.ifNoneMatch === '*'; // by which a deleted record is none
    const found = await this.writer.lockByKey(key, rowsOf(sound), {
      deleted: isAny ? 'exclude' : 'include',
      whole: how.representation,
    });
    const known = new Map(found.map(({ row, place }) => [sound[place], row]));
    const refused = await this.rules.deadReferences(sound, key);
    for (const item of sound) {
      const before = known.get(item);
      const absent = how.ifMatch ? [gone()] : this.rules.lacking(item);
      note(refused, item, before ? mismatch(before, how) : absent);
    }
    const accepted = sound.filter((item) => !refused.has(item));
    const changed = accepted.filter((item) => known.has(item));
    const inserted = await this.insert(
      accepted.filter((item) => !known.has(item)),
      how,
    );
    const updated = await this.update(
      changed.map((item) => ({ ...item, row: { ...item.row, id: known.get(item)!.id } })),
      how,
    );
    return sound.map((item) => {
      const before = known.get(item);
      if (!before) return this.outcome(refused.get(item), 'created', item.row.id, inserted.get(item.row.id));
      const after = updated.get(before.id) ?? before;
      return this.outcome(refused.get(item), 'updated', before.id, how.representation ? (after as E) : undefined);
    });
  }

  private async insert(items: Item[], { representation = false }: How): Promise<Map<string, E>> {
    return byId(await this.writer.insert(rowsOf(items), representation));
  }

  private async update(items: Item[], { representation = false }: How): Promise<Map<string, E>> {
    return byId(await this.writer.update(rowsOf(items), representation));
  }

  private outcome(
    causes: Cause[] | undefined,
    status: 'created' | 'updated' | 'deleted',
    id: string,
    row?: E,
  ): Outcome<E> {
    return causes ? { causes } : { status, id, row };
  }

  /** Writes the items without faults; with `atomic`, all of them or a problem that names every fault found. */
  private async writeAll(
    items: Item[],
    { mode = 'atomic' }: How,
    kind: 'write' | 'delete',
    verb: Omit<Verb<Item, E>, 'causeOf'>,
  ): Promise<Outcome<E>[]> {
    const sound = this.rules.inLockOrder(items.filter(({ causes }) => !causes.length));
    return currentUnit().attempt(async () => {
      const written = await writeEach(sound, { ...verb, causeOf: (error) => this.causeOf(error, kind) });
      const outcomes = items.map((item) => (item.causes.length ? { causes: item.causes } : written.get(item)!));
      if (mode === 'atomic' && outcomes.some(isRefused))
        throw Problem.of(located(outcomes, kind === 'delete' ? '/ids' : ''));
      return outcomes;
    });
  }

  /** Runs `work` and says in the words of the model what Postgres has against it. */
  private async refusing<T>(kind: 'write' | 'delete', work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const cause = this.causeOf(error, kind);
      throw cause ? Problem.of([cause]) : error;
    }
  }

  private causeOf(error: unknown, kind: 'write' | 'delete'): Cause | undefined {
    return causeOf(error, this.repository.metadata.dataSource.entityMetadatas, kind);
  }
}

/** The causes of all refused items, each pointing into the list, which stands at `base` in the body. */
export const located = (outcomes: Outcome<unknown>[], base = ''): Cause[] =>
  outcomes.flatMap((outcome, index) =>
    isRefused(outcome)
      ? outcome.causes.map((cause) => ({ ...cause, index, pointer: `${base}/${index}${cause.pointer}` }))
      : [],
  );

const rowsOf = (items: Pick<Item, 'row'>[]): Row[] => items.map(({ row }) => row);
const idsOf = (items: Item[]): string[] => items.map(({ row }) => row.id);
export const byId = <E extends { id: string }>(rows: E[]): Map<string, E> => new Map(rows.map((row) => [row.id, row]));

function note(refused: Map<Item, Cause[]>, item: Item, causes: Cause[]): void {
  if (causes.length) refused.set(item, [...(refused.get(item) ?? []), ...causes]);
}
