import { EntityMetadata, ObjectLiteral } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { ForeignKeyMetadata } from 'typeorm/metadata/ForeignKeyMetadata';
import { naturalKeyOf } from '../natural-key';
import { GivenRow, GivenRows } from './given-rows';
import { ORD, quote, quoteText, Source, WrittenColumns } from './written-columns';

export { ORD, type Row, type Source } from './written-columns';

/** Statements that write given rows, and how those become their parameters. */
export interface Writes {
  given: GivenRow | GivenRows;
  insert: string;
  insertReturning: string;
  /** Gives the ids of those it changed. */
  update: string;
  updateReturning: string;
}

/**
 * The statements that write and read one entity, compiled from its metadata. The rows they are about come from a source:
 * where none is named, from the parameters of the call.
 */
export class EntitySql {
  /** The rows of a call. */
  readonly given: GivenRows;
  /** What writes the rows of a call, and what writes one. */
  readonly many: Writes;
  readonly one: Writes;
  /** Marks rows as deleted at `$2`, or with null as not deleted, at the time `$3`. */
  readonly setDeleted: string;
  /** Every column under its property's name, for SELECT and RETURNING on the table alias `t`. */
  readonly columns: string;
  /** How to sort the rows of the table alias `t` before they are locked. */
  readonly lockOrder: string;
  /** Which record a row is, and which version of it. */
  readonly identity = 't.id, t.version';
  readonly table: string;
  /** Whether `upsertFrom` is to be had: one statement that inserts or changes. */
  readonly upsertsAtOnce: boolean = true;
  readonly written: WrittenColumns;

  private readonly driver: PostgresDriver;
  private readonly hydrated: ColumnMetadata[];

  constructor(readonly metadata: EntityMetadata) {
    this.driver = metadata.dataSource.driver as PostgresDriver;
    this.table = quote(metadata.tableName);
    this.written = new WrittenColumns(metadata);
    this.given = new GivenRows(this.written);
    this.hydrated = metadata.columns.filter((column) => needsHydration(column));
    this.columns = this.read(metadata.columns);
    this.lockOrder = lockOrderOf(metadata, 't');
    this.many = this.writesOf(this.given);
    this.one = this.writesOf(new GivenRow(this.written));
    this.setDeleted = `UPDATE ${this.table} AS t
         SET ${this.deletedAt} = $2::timestamptz, updated_at = $3::timestamptz, version = t.version + 1
       WHERE t.id = ANY($1::uuid[])`;
  }

  /** What to read records from, as the table alias `t`; `asOf` is how the text speaks of a time, for entities that keep versions. */
  from(asOf?: string): string {
    if (asOf) throw new Error(`${this.metadata.name} keeps no versions.`);
    return `${this.table} AS t`;
  }

  /** Deletes the rows of the table alias `t` that meet `which`. `now` says how the text speaks of the instant of the unit. */
  deleteWhere(which: string, _now: () => string): string {
    return `DELETE FROM ${this.table} AS t WHERE ${which}`;
  }

  /** Locks the rows of the table alias `t` that meet `where`, in the order in which all do, and deletes them, or marks them so. */
  lockAndDelete(where: string, now: () => string): string {
    const doomed = `WITH doomed AS (SELECT t.id FROM ${this.table} AS t ${where} ORDER BY ${this.lockOrder} FOR UPDATE)`;
    if (!this.deletedAt) return `${doomed} DELETE FROM ${this.table} AS t USING doomed WHERE t.id = doomed.id`;
    const at = now();
    return `${doomed} UPDATE ${this.table} AS t SET ${this.deletedAt} = ${at}, updated_at = ${at}, version = t.version + 1
                        FROM doomed WHERE t.id = doomed.id`;
  }

  /** `columns` under their properties' names, for SELECT and RETURNING on the table alias `t`. */
  read(columns: ColumnMetadata[]): string {
    return columns.map((column) => `t.${nameOf(column)} AS ${quote(column.propertyName)}`).join(', ');
  }

  private writesOf(given: Writes['given']): Writes {
    const [insert, update] = [this.insertFrom(given), this.updateFrom(given)];
    return {
      given,
      insert,
      insertReturning: `${insert} RETURNING ${this.columns}`,
      update: `${update} RETURNING t.id`,
      updateReturning: `${update} RETURNING ${this.columns}`,
    };
  }

  insertFrom(source: Source): string {
    const values = this.written.all.map((column) => {
      const fallback = this.written.defaultOf(column);
      return fallback === undefined
        ? source.value(column)
        : `CASE WHEN ${this.written.given(column)} THEN ${source.value(column)} ELSE ${fallback} END`;
    });
    return `${this.insertion([...values, source.now, source.now, '1'])} FROM ${source.from} ${source.order}`;
  }

  updateFrom(source: Source): string {
    const assign = (column: ColumnMetadata) => {
      const name = quote(column.databaseName);
      return `${name} = CASE WHEN ${this.written.given(column)} THEN ${source.value(column)} ELSE t.${name} END`;
    };
    const revive = this.deletedAt ? `, ${this.deletedAt} = NULL` : '';
    return `UPDATE ${this.table} AS t
               SET ${this.changing.map(assign).join(', ')}${revive}, updated_at = ${source.now}, version = t.version + 1
              FROM ${source.from} WHERE t.id = i.id AND (${this.differs(source)})`;
  }

  /**
   * Inserts the rows of the source, or changes those that have the same `key`, where that makes a difference. Every row
   * gives `values`, and nothing else. Follow it by RETURNING.
   */
  upsertFrom(source: Source, key: ColumnMetadata[], values: ColumnMetadata[]): string {
    const changing = values.filter((column) => !column.isPrimary && !key.includes(column));
    return `${this.insertFrom(source)}
                ON CONFLICT (${key.map(nameOf).join(', ')}) DO UPDATE
               SET ${changing.map((column) => `${nameOf(column)} = excluded.${nameOf(column)}`).join(', ')},
                   updated_at = excluded.updated_at, version = t.version + 1
             WHERE ${changing.map((column) => differ(column, `excluded.${nameOf(column)}`)).join(' OR ')}`;
  }

  /**
   * Reads `columns` of the rows of `ids` that exist and locks them. Deleted ones exist only when asked for.
   */
  lockById(strength: 'UPDATE' | 'NO KEY UPDATE', columns: string, deleted: 'exclude' | 'include' = 'exclude'): string {
    const which = deleted === 'exclude' ? this.andLive : '';
    return `SELECT ${columns} FROM ${this.table} AS t WHERE t.id = ANY($1::uuid[])${which}
             ORDER BY ${this.lockOrder} FOR ${strength}`;
  }

  /** Reads and locks the rows that have the same `key` as one of the source; ORD is that one's place. */
  lockByKey(key: ColumnMetadata[], columns: string, source: Source): string {
    return `SELECT ${ord()}, ${columns} FROM ${source.from} JOIN ${this.table} AS t ON ${this.sameKey(key, source)}${this.andLive}
             ORDER BY ${this.lockOrder} FOR NO KEY UPDATE OF t`;
  }

  /** The same of deleted rows, of which several may have one key: the last to be deleted comes last. */
  lockDeletedByKey(key: ColumnMetadata[], columns: string, source: Source): string {
    return `SELECT ${ord()}, ${columns} FROM ${source.from}
              JOIN ${this.table} AS t ON ${this.sameKey(key, source)} AND t.${this.deletedAt} IS NOT NULL
             ORDER BY t.${this.deletedAt}, t.id FOR NO KEY UPDATE OF t`;
  }

  /** Some columns of the rows of a call, for statements that need no others. */
  givenOnly(columns: ColumnMetadata[]): GivenRows {
    return new GivenRows(this.written, columns);
  }

  /** The places of the rows whose `key` another row of the table has; a row of the table is the same one if `own` is the same. */
  taken(key: ColumnMetadata[], source: Source = this.given, own = this.metadata.primaryColumns): string {
    return `SELECT ${ord()} FROM ${source.from} JOIN ${this.table} AS t
                ON ${this.sameKey(key, source)}${this.andLive} AND NOT (${this.sameKey(own, source)})`;
  }

  /** The places of the rows that refer by `key` to a row which does not exist. */
  dangling(key: ForeignKeyMetadata, source: Source = this.given): string {
    const here = key.columns.map((column) => source.value(column));
    const there = key.referencedColumns.map(({ databaseName }, index) => `r.${quote(databaseName)} = ${here[index]}`);
    return `SELECT ${ord()} FROM ${source.from} WHERE ${here.map((value) => `${value} IS NOT NULL`).join(' AND ')}
              AND NOT EXISTS (SELECT 1 FROM ${quote(key.referencedEntityMetadata.tableName)} AS r WHERE ${there.join(' AND ')})`;
  }

  /**
   * The places of the rows that are about to refer by `key` to a row which is deleted; not of those that do so already,
   * a row of the table being the same one if `own` is the same. What they refer to stays undeleted until the transaction ends.
   */
  deadReferences(key: ForeignKeyMetadata, source: Source = this.given, own = this.metadata.primaryColumns): string {
    const { referencedEntityMetadata: other, referencedColumns } = key;
    const refers = key.columns.map((column, index) => {
      return `r.${quote(referencedColumns[index].databaseName)} = ${source.value(column)}`;
    });
    const already = `SELECT FROM ${this.table} AS t WHERE ${this.sameKey([...own, ...key.columns], source)}`;
    const deletedAt = quote(other.deleteDateColumn!.databaseName);
    // Materialized, or Postgres would look for the deleted ones first: without a lock, and by what was so before it waited.
    return `WITH referred AS MATERIALIZED (
              SELECT ${ord()}, r.${deletedAt} FROM ${source.from} JOIN ${quote(other.tableName)} AS r ON ${refers.join(' AND ')}
               WHERE NOT EXISTS (${already}) ORDER BY ${lockOrderOf(other, 'r')} FOR SHARE OF r)
            SELECT ${quote(ORD)} FROM referred WHERE ${deletedAt} IS NOT NULL`;
  }

  /** For each table that refers to this one: the places, from 1, of the ids it refers to. */
  referenced(): string[] {
    const others = this.metadata.dataSource.entityMetadatas.flatMap(({ foreignKeys }) => foreignKeys);
    return others
      .filter(({ referencedEntityMetadata }) => referencedEntityMetadata === this.metadata)
      .map(({ entityMetadata, columns: [column] }) => {
        const refers = `SELECT 1 FROM ${quote(entityMetadata.tableName)} AS r WHERE r.${quote(column.databaseName)} = i.id`;
        return `SELECT ${ord()} FROM unnest($1::uuid[]) WITH ORDINALITY AS i (id, ${quote(ORD)}) WHERE EXISTS (${refers})`;
      });
  }

  /** The places of the rows whose `key` an earlier one has, and its place as `twin`. */
  twins(key: ColumnMetadata[], source: Source): string {
    const values = key.map((column, index) => `${source.value(column)} AS "k${index}"`);
    const given = key.map((column) => `${source.value(column)} IS NOT NULL`);
    const same = key.map((column, index) => `f."k${index}" = ${source.value(column)}`);
    return `SELECT ${ord()}, f.first::int AS twin FROM ${source.from} JOIN (
              SELECT ${values.join(', ')}, min(i.${quote(ORD)}) AS first FROM ${source.from} WHERE ${given.join(' AND ')}
               GROUP BY ${key.map((_column, index) => index + 1).join(', ')} HAVING count(*) > 1
            ) AS f ON ${same.join(' AND ')} AND i.${quote(ORD)} > f.first`;
  }

  /** The places of the rows of a staging table with values their columns cannot hold, as `properties`. */
  invalid(source: Source): string {
    const faults = this.changing
      .filter((column) => this.written.fullTypeOf(column) !== 'text')
      .map((column): [string, string] => {
        const type = quoteText(this.written.fullTypeOf(column));
        return [column.propertyName, `NOT pg_input_is_valid(i.${quote(column.databaseName)}, ${type})`];
      });
    return faulty(source, faults);
  }

  /** The places of the rows that lack what a new row cannot do without, as `properties`; those whose `key` is in the table lack nothing. */
  lacking(source: Source, key?: ColumnMetadata[]): string {
    const mandatory = this.written.all.filter(({ isNullable, isPrimary }) => !isNullable && !isPrimary);
    const lacks = mandatory.map((column): [string, string] => {
      const isNull = `${source.value(column)} IS NULL`;
      const hasDefault = this.written.defaultOf(column) !== undefined;
      return [column.propertyName, hasDefault ? `${this.written.given(column)} AND ${isNull}` : isNull];
    });
    const isNew = key && `NOT EXISTS (SELECT 1 FROM ${this.table} AS t WHERE ${this.sameKey(key, source)})`;
    return faulty(source, lacks, isNew);
  }

  /**
   * The places of the rows whose `key` the table has, with the id of the row that has it and whether they would change it.
   * Without a live row that is a deleted one, which they revive: of several, the last to be deleted.
   */
  match(key: ColumnMetadata[], source: Source): string {
    const matches = (which = '', more = ''): string =>
      `SELECT ${ord()}, t.id, (${this.differs(source)}) AS changes${more}
         FROM ${source.from} JOIN ${this.table} AS t ON ${this.sameKey(key, source)}${which}`;
    if (!this.deletedAt) return matches();
    const deletedAt = `t.${this.deletedAt}`;
    // The live and the deleted have an index each.
    return `SELECT DISTINCT ON (${quote(ORD)}) * FROM (
              ${matches(this.andLive, `, ${deletedAt}`)} UNION ALL
              ${matches(` AND ${deletedAt} IS NOT NULL`, `, ${deletedAt}`)}) AS t
             ORDER BY ${quote(ORD)}, ${deletedAt} DESC NULLS FIRST, id DESC`;
  }

  /** Locks the rows of the table that have the ids of the source, and counts them. */
  lockSame(source: Source): string {
    return `SELECT count(*) FROM (
              SELECT FROM ${source.from} JOIN ${this.table} AS t ON t.id = i.id
               ORDER BY ${this.lockOrder} FOR NO KEY UPDATE OF t) AS locked`;
  }

  /** The key by which `properties` refer to another table. */
  foreignKey(properties: string[]): ForeignKeyMetadata {
    const refers = ({ columns }: ForeignKeyMetadata) =>
      columns.map(({ propertyName }) => propertyName).join() === properties.join();
    return this.metadata.foreignKeys.find(refers)!;
  }

  /** The row as the entity declares it: dates as text, transformers applied, bigints as TypeORM gives them. */
  hydrate<E>(row: ObjectLiteral): E {
    for (const column of this.hydrated) {
      row[column.propertyName] = this.driver.prepareHydratedValue(row[column.propertyName], column);
    }
    return row as E;
  }

  /** The beginning of a statement that inserts rows of `values`: those of the written columns, when it was made and changed, its version. */
  protected insertion(values: string[]): string {
    return `INSERT INTO ${this.table} AS t (${this.inserted.join(', ')}) SELECT ${values.join(', ')}`;
  }

  protected get inserted(): string[] {
    return [...this.written.names, 'created_at', 'updated_at', 'version'];
  }

  /** The column of a soft-delete entity that says when a row was deleted. */
  private get deletedAt(): string | undefined {
    const { deleteDateColumn } = this.metadata;
    return deleteDateColumn && quote(deleteDateColumn.databaseName);
  }

  private get andLive(): string {
    return this.deletedAt ? ` AND t.${this.deletedAt} IS NULL` : '';
  }

  private get changing(): ColumnMetadata[] {
    return this.written.all.filter(({ isPrimary }) => !isPrimary);
  }

  /** Whether the row `t` is not yet what the row of the source wants it to be. */
  protected differs(source: Source): string {
    const differs = this.changing.map(
      (column) => `(${this.written.given(column)} AND ${differ(column, source.value(column))})`,
    );
    const isDeleted = this.deletedAt ? [`t.${this.deletedAt} IS NOT NULL`] : []; // whoever changes it, revives it
    return [...differs, ...isDeleted].join(' OR ');
  }

  private sameKey(key: ColumnMetadata[], source: Source): string {
    return key.map((column) => `t.${quote(column.databaseName)} = ${source.value(column)}`).join(' AND ');
  }
}

const nameOf = ({ databaseName }: ColumnMetadata): string => quote(databaseName);
const ord = (): string => `i.${quote(ORD)}::int AS ${quote(ORD)}`;

/**
 * The order in which every statement locks the rows of one entity, or two of them could wait for each other: that of the
 * natural key as JavaScript sorts text, for an upsert meets rows in the order of its items.
 */
function lockOrderOf(metadata: EntityMetadata, alias: string): string {
  const key = naturalKeyOf(metadata.target) ?? [];
  const spelt = key.map(
    (property) => `${alias}.${nameOf(metadata.findColumnWithPropertyName(property)!)}::text COLLATE "C"`,
  );
  return [...spelt, `${alias}.id`].join(', ');
}

/** Whether the row `t` has another value than `value` in `column`. */
function differ(column: ColumnMetadata, value: string): string {
  // Types without an equality operator are compared as they are written.
  const cast = ['json', 'xml', 'point', 'polygon', 'path'].includes(String(column.type)) ? '::text' : '';
  return `t.${quote(column.databaseName)}${cast} IS DISTINCT FROM ${value}${cast}`;
}

/** The places of the rows with any of `faults`, each a property and what is wrong with it; `properties` are those of the row. */
function faulty(source: Source, faults: [string, string][], where = 'true'): string {
  const any = faults.map(([, fault]) => `(${fault})`).join(' OR ') || 'false';
  const each = faults.map(([property, fault]) => `CASE WHEN ${fault} THEN ${quoteText(property)} END`);
  return `SELECT ${ord()}, array_remove(ARRAY[${each.join(', ')}]::text[], NULL) AS properties
            FROM ${source.from} WHERE (${any}) AND ${where}`;
}

/** Most values come from `pg` as the entity wants them; these do not. */
function needsHydration({ type, transformer }: ColumnMetadata): boolean {
  return (
    transformer !== undefined ||
    ['date', 'time', 'hstore', 'simple-array', 'simple-json', 'simple-enum', 'enum', 'cube'].includes(String(type))
  );
}
