import { DeepPartial, ObjectLiteral } from 'typeorm';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { BaseEntity, BulkWriter, naturalKeyOf, Row, uniqueKeysOf } from '@app/database';
import { dangling, required, stillReferenced, taken } from '../problem/database-causes';
import { Cause } from '../problem/problem';

/** One item of a write: its place in the request, the row it asks for, and what is already known to be wrong with it. */
export interface Item {
  index: number;
  row: Row;
  causes: Cause[];
}

/** What the metadata of an entity demands of the items that are to be written. */
export class ItemRules<E extends BaseEntity> {
  private foundUniqueKeys?: string[][];
  private foundMandatory?: ColumnMetadata[];

  constructor(private readonly writer: BulkWriter<E>) {}

  private get metadata() {
    return this.writer.sql.metadata;
  }

  /** The properties of each unique constraint. */
  get uniqueKeys(): string[][] {
    return (this.foundUniqueKeys ??= uniqueKeysOf(this.metadata).map(({ properties }) => properties));
  }

  item(index: number, values: DeepPartial<E>, id: string): Item {
    return { index, row: { ...values, id }, causes: [] };
  }

  /** For what is to be created: whatever has no default must be given. */
  requireAll(item: Item): void {
    item.causes.push(...this.lacking(item));
  }

  /** For an upsert: the key must be given, and nothing may be cleared that must be there. */
  requireKey(item: Item, key: string[]): void {
    item.causes.push(...key.filter((property) => item.row[property] == null).map((property) => required(property)));
    if (!item.causes.length) this.refuseNulls(item);
  }

  /** For what is to be changed: nothing may be cleared that must be there. */
  refuseNulls(item: Item): void {
    item.causes.push(
      ...this.mandatory
        .filter(({ propertyName }) => item.row[propertyName] === null)
        .map(({ propertyName }) => required(propertyName)),
    );
  }

  /** What a record could not be created without. */
  lacking({ row }: Item): Cause[] {
    return this.mandatory
      .filter(
        ({ propertyName, default: fallback }) =>
          row[propertyName] === null || (row[propertyName] === undefined && fallback === undefined),
      )
      .map(({ propertyName }) => required(propertyName));
  }

  /**
   * Whether one statement can upsert `items` by `key`: they give the same values, more than the key and enough for new
   * records; there is nothing to look up first, neither a deleted record to revive nor a reference to one to refuse; and
   * what Postgres takes for the same key is spelt the same.
   */
  fitOneStatement(items: Item[], key: string[]): boolean {
    const others = this.metadata.foreignKeys.map(({ referencedEntityMetadata }) => referencedEntityMetadata);
    const isExact = key.map((property) => this.column(property)).every(isSpeltOneWay);
    if (!isExact || [this.metadata, ...others].some(({ deleteDateColumn }) => deleteDateColumn)) return false;
    const { written, upsertsAtOnce } = this.writer.sql;
    if (!upsertsAtOnce) return false;
    const given = written.all.filter(({ propertyName }) => items[0].row[propertyName] !== undefined);
    const presence = written.presence(items[0].row);
    return (
      given.length > key.length + 1 && // and the id
      items.every(({ row }) => written.presence(row) === presence) &&
      !this.lacking(items[0]).length
    );
  }

  /**
   * Two items of one request with the same key contradict each other: neither is written, each names the other.
   * `pointer` says where in an item its key stands, unless under the name of its first property.
   */
  refuseTwins(items: Item[], keys: string[][], pointer?: string): void {
    if (items.length < 2) return;
    for (const key of keys) {
      const spell = this.spelling(key);
      const first = new Map<string, Item>();
      for (const item of items) {
        const spelt = spell(item.row);
        if (spelt === undefined) continue;
        const twin = first.get(spelt);
        if (!twin) first.set(spelt, item);
        else {
          if (!twin.causes.some(({ code }) => code === 'duplicate'))
            twin.causes.push(duplicateOf(item.index, key, pointer));
          item.causes.push(duplicateOf(twin.index, key, pointer));
        }
      }
    }
  }

  /** Spells the values that a row has for `key`, so that the same ones are spelt the same; undefined where one is missing. */
  spelling(key: string[]): (row: ObjectLiteral) => string | undefined {
    const isUuid = key.map((property) => this.column(property).type === 'uuid');
    return (row) => {
      const values: unknown[] = key.map((property) => row[property]);
      if (values.some((value) => value == null)) return undefined;
      const same = values.map((value, place) => (isUuid[place] ? String(value).toLowerCase() : value));
      return same.length === 1 && typeof same[0] === 'string' ? same[0] : JSON.stringify(same);
    };
  }

  /** Sorted so that any two requests take their locks in the same order, which is that of all statements that lock. */
  inLockOrder(items: Item[]): Item[] {
    const key = naturalKeyOf(this.metadata.target) ?? [];
    const isUuid = key.map((property) => this.column(property).type === 'uuid');
    const spell = ({ row }: Item) => [
      ...key.map((property, place) => (isUuid[place] ? String(row[property]).toLowerCase() : row[property])),
      row.id,
    ];
    return items
      .map((item) => ({ item, spelt: spell(item).join('\0') }))
      .sort((a, b) => (a.spelt < b.spelt ? -1 : 1))
      .map(({ item }) => item);
  }

  /** Which of `items` take a key that is taken, or refer to what does not exist. */
  async causes(items: Item[], uniqueKeys: string[][]): Promise<Map<Item, Cause[]>> {
    const rows = items.map(({ row }) => row);
    const found = new Map<Item, Cause[]>();
    const note = (place: number, cause: Cause) => found.set(items[place], [...(found.get(items[place]) ?? []), cause]);

    for (const key of uniqueKeys) for (const place of await this.writer.taken(key, rows)) note(place, taken(key));
    for (const { columns } of this.metadata.foreignKeys) {
      const properties = columns.map(({ propertyName }) => propertyName);
      for (const place of await this.writer.dangling(properties, rows)) note(place, dangling(properties));
    }
    return found;
  }

  /** Which of `items` are about to refer to what is deleted. A record of the same `own` key may go on to do so. */
  async deadReferences(items: Item[], own = ['id']): Promise<Map<Item, Cause[]>> {
    const rows = items.map(({ row }) => row);
    const found = new Map<Item, Cause[]>();
    for (const { columns, referencedEntityMetadata } of this.metadata.foreignKeys) {
      if (!referencedEntityMetadata.deleteDateColumn) continue;
      const properties = columns.map(({ propertyName }) => propertyName);
      for (const place of await this.writer.deadReferences(properties, rows, own))
        found.set(items[place], [...(found.get(items[place]) ?? []), dangling(properties)]);
    }
    return found;
  }

  /** Which of `items` other records still refer to. */
  async references(items: Item[]): Promise<Map<Item, Cause[]>> {
    const places = await this.writer.referenced(items.map(({ row }) => row.id));
    return new Map(places.map((place) => [items[place], [stillReferenced()]]));
  }

  private column(property: string): ColumnMetadata {
    return this.metadata.findColumnWithPropertyName(property)!;
  }

  private get mandatory(): ColumnMetadata[] {
    return (this.foundMandatory ??= this.metadata.columns.filter(
      ({ isNullable, isPrimary, isVersion, isCreateDate, isUpdateDate }) =>
        !(isNullable || isPrimary || isVersion || isCreateDate || isUpdateDate),
    ));
  }
}

/** Whether two values of `column` are the same to Postgres exactly when they are to JavaScript, but for the case of uuids. */
const isSpeltOneWay = ({ type, collation, transformer }: ColumnMetadata): boolean =>
  ['text', 'varchar', 'character varying', 'uuid', 'int', 'integer', 'smallint', Number, String].includes(
    type as string,
  ) &&
  !collation &&
  !transformer;

const duplicateOf = (index: number, key: string[], pointer = `/${key[0]}`): Cause => ({
  status: 422,
  code: 'duplicate',
  pointer,
  detail: `Item ${index} of this request has the same ${key.join(' and ')}.`,
});
