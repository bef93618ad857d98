import { EntityMetadata, ObjectLiteral } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { TableColumn } from 'typeorm/schema-builder/table/TableColumn';
import { TableUtils } from 'typeorm/schema-builder/util/TableUtils';

/** Columns the writer sets itself; everything else comes from the caller. */
const OWN_COLUMNS = ['createdAt', 'updatedAt', 'version'];
// What the statements call the place of a row, and the bits of the values it gives: names no entity has.
export const ORD = '#ord';
export const PRESENT = '#present';
const MOST_COLUMNS = 52; // one bit each in a number that JavaScript and bigint both hold exactly

/** These types mean one character or bit when nothing else is said, and would cut values short. */
const ANY_LENGTH: Record<string, string> = { character: 'bpchar', char: 'bpchar', bit: 'varbit' };

/** Columns of these types take a value as it is, unless it is transformed. */
const AS_IS = /^(text|character varying|uuid|smallint|integer|bigint|numeric|real|double precision)$/;

/** A row on its way to the database: its id, and the values that are to be written. `undefined` leaves a column alone. */
export type Row = ObjectLiteral & { id: string };

/** Where a statement finds the rows it is about: a table `i` of one entity's columns, and ORD and PRESENT. */
export interface Source {
  /** The table, as it stands after FROM. */
  readonly from: string;
  /** An ORDER BY, unless the rows lie in their order anyway. */
  readonly order: string;
  /** The parameter that is the instant of the unit. */
  readonly now: string;
  /** What a row says for `column`, in the column's own type. */
  value(column: ColumnMetadata): string;
}

/** The columns of one entity that its callers write, and the words of SQL for them. */
export class WrittenColumns {
  readonly all: ColumnMetadata[];
  private readonly driver: PostgresDriver;
  private readonly properties: string[];
  private readonly takesAsIs: Set<ColumnMetadata>;

  constructor(metadata: EntityMetadata) {
    this.driver = metadata.dataSource.driver as PostgresDriver;
    this.all = metadata.columns.filter(
      ({ propertyName, isDeleteDate }) => !OWN_COLUMNS.includes(propertyName) && !isDeleteDate,
    );
    if (this.all.length > MOST_COLUMNS) {
      throw new Error(
        `${metadata.name} has ${this.all.length} columns, the bulk writer takes ${MOST_COLUMNS}: split the entity.`,
      );
    }
    this.properties = this.all.map(({ propertyName }) => propertyName);
    const takesAsIs = (column: ColumnMetadata) =>
      AS_IS.test(this.typeOf(column)) && !String(column.type).startsWith('simple-') && !column.transformer;
    this.takesAsIs = new Set(this.all.filter(takesAsIs));
  }

  get names(): string[] {
    return this.all.map(({ databaseName }) => quote(databaseName));
  }

  /** Which values `row` gives, one bit each. */
  presence(row: Row): number {
    let bits = 0;
    for (let index = 0; index < this.properties.length; index++)
      if (row[this.properties[index]] !== undefined) bits += 2 ** index;
    return bits;
  }

  /** Whether a row of `i` gives a value for `column`. */
  given(column: ColumnMetadata): string {
    return `i.${quote(PRESENT)} & ${2 ** this.all.indexOf(column)} <> 0`;
  }

  /** What `row` says for `column`, as TypeORM hands it to `pg`. */
  prepared(row: Row, column: ColumnMetadata): unknown {
    const value: unknown = row[column.propertyName];
    return this.takesAsIs.has(column) ? value : this.driver.preparePersistentValue(value, column); // which makes lists to look in
  }

  /** The type of `column`, without a length: a cast cuts what is longer, where storing it fails. */
  typeOf(column: ColumnMetadata): string {
    const type = isEnum(column) ? quote(enumName(column)) : this.driver.normalizeType(column);
    return (ANY_LENGTH[type] ?? type) + (column.isArray ? '[]' : '');
  }

  /** The type of `column` as its table has it. */
  fullTypeOf(column: ColumnMetadata): string {
    if (isEnum(column)) return this.typeOf(column);
    return this.driver.createFullType(new TableColumn(TableUtils.createTableColumnOptions(column, this.driver)));
  }

  /** What the table puts where a row gives no value for `column`; undefined when that is nothing. */
  defaultOf(column: ColumnMetadata): string | undefined {
    return this.driver.normalizeDefault(column);
  }
}

export const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export const isEnum = ({ type }: ColumnMetadata): boolean => type === 'enum' || type === 'simple-enum';
const enumName = (column: ColumnMetadata): string =>
  column.enumName ?? `${column.entityMetadata.tableName}_${column.databaseName}_enum`;
