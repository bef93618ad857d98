import { EntityMetadata, ObjectLiteral } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { ApplyValueTransformers } from 'typeorm/util/ApplyValueTransformers';

/** Columns the writer sets itself; everything else comes from the caller. */
const OWN_COLUMNS = ['createdAt', 'updatedAt', 'version'];
// What the statements call the place of a row, and the bits of the values it gives: names no entity has.
export const ORD = '#ord';
const PRESENT = '#present';
const MOST_COLUMNS = 52; // one bit each in a number that JavaScript and bigint both hold exactly

/** These types mean one character or bit when nothing else is said, and would cut values short. */
const ANY_LENGTH: Record<string, string> = { character: 'bpchar', char: 'bpchar', bit: 'varbit' };

/** A row on its way to the database: its id, and the values that are to be written. `undefined` leaves a column alone. */
export type Row = ObjectLiteral & { id: string };

/** The statements that write and read one entity, compiled once from its metadata; and the parameters they take. */
export class EntitySql {
  readonly insert: string;
  readonly update: string;
  readonly delete: string;
  /** Every column under its property's name, for SELECT and RETURNING on the table alias `t`. */
  readonly columns: string;
  readonly table: string;

  private readonly driver: PostgresDriver;
  private readonly written: ColumnMetadata[];
  private readonly hydrated: ColumnMetadata[];
  private readonly bits: Map<string, number>;
  /** unnest takes parallel arrays, whose elements cannot be arrays or objects again: those entities travel as JSON. */
  private readonly asJson: boolean;

  constructor(readonly metadata: EntityMetadata) {
    this.driver = metadata.dataSource.driver as PostgresDriver;
    this.table = quote(metadata.tableName);
    this.written = metadata.columns.filter(({ propertyName }) => !OWN_COLUMNS.includes(propertyName));
    if (this.written.length > MOST_COLUMNS) {
      throw new Error(
        `${metadata.name} has ${this.written.length} columns, the bulk writer takes ${MOST_COLUMNS}: split the entity.`,
      );
    }
    this.bits = new Map(this.written.map(({ propertyName }, index) => [propertyName, 2 ** index]));
    this.hydrated = metadata.columns.filter((column) => needsHydration(column));
    this.asJson = this.written.some(({ isArray, type }) => isArray || type === 'json' || type === 'jsonb');
    this.columns = metadata.columns
      .map((column) => `t.${quote(column.databaseName)} AS ${quote(column.propertyName)}`)
      .join(', ');
    this.insert = this.compileInsert();
    this.update = this.compileUpdate();
    this.delete = `DELETE FROM ${this.table} AS t WHERE t.id = ANY($1::uuid[])`;
  }

  /** Reads the rows of `ids` that exist and locks them in the order of their ids, so that two such calls cannot deadlock. */
  lockById(strength: 'UPDATE' | 'NO KEY UPDATE'): string {
    return `SELECT ${this.columns} FROM ${this.table} AS t WHERE t.id = ANY($1::uuid[]) ORDER BY t.id FOR ${strength}`;
  }

  /** Reads and locks the rows that have the same `key` as one of the given; ORD is that one's place, from 1. In the order of `lockById`. */
  lockByKey(key: ColumnMetadata[]): string {
    return `SELECT ${ord()}, ${this.columns} FROM ${this.source()} JOIN ${this.table} AS t ON ${this.sameKey(key)}
             ORDER BY t.id FOR NO KEY UPDATE OF t`;
  }

  /** The places, from 1, of the given rows whose `key` another row of the table has. */
  taken(key: ColumnMetadata[]): string {
    return `SELECT ${ord()} FROM ${this.source()} JOIN ${this.table} AS t ON ${this.sameKey(key)} AND t.id <> i.id`;
  }

  /** The places, from 1, of the given rows that refer by `columns` to a row which does not exist. */
  dangling(columns: ColumnMetadata[], referenced: EntityMetadata, to: ColumnMetadata[]): string {
    const here = columns.map(({ databaseName }) => `i.${quote(databaseName)}`);
    const matches = here.map((name, index) => `r.${quote(to[index].databaseName)} = ${name}`);
    return `SELECT ${ord()} FROM ${this.source()} WHERE ${here.map((name) => `${name} IS NOT NULL`).join(' AND ')}
              AND NOT EXISTS (SELECT 1 FROM ${quote(referenced.tableName)} AS r WHERE ${matches.join(' AND ')})`;
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

  /** The parameters that stand for `rows` in every statement made of `source()`. */
  parameters(rows: Row[]): unknown[] {
    const present = rows.map((row) => this.presence(row));
    if (this.asJson) {
      return [
        JSON.stringify(
          rows.map((row, index) => ({ ...this.jsonValues(row), [PRESENT]: present[index], [ORD]: index + 1 })),
        ),
      ];
    }
    return [
      present,
      ...this.written.map((column) =>
        rows.map((row) => this.driver.preparePersistentValue(row[column.propertyName], column)),
      ),
    ];
  }

  /** The row as the entity declares it: dates as text, transformers applied, bigints as TypeORM gives them. */
  hydrate<E>(row: ObjectLiteral): E {
    for (const column of this.hydrated) {
      row[column.propertyName] = this.driver.prepareHydratedValue(row[column.propertyName], column);
    }
    return row as E;
  }

  private compileInsert(): string {
    const names = this.written.map(({ databaseName }) => quote(databaseName));
    const values = this.written.map((column) => {
      const fallback = this.driver.normalizeDefault(column);
      return fallback === undefined
        ? this.value(column)
        : `CASE WHEN ${this.has(column)} THEN ${this.value(column)} ELSE ${fallback} END`;
    });
    const now = this.parameterAfterSource();
    return `INSERT INTO ${this.table} AS t (${names.join(', ')}, created_at, updated_at, version)
            SELECT ${values.join(', ')}, ${now}, ${now}, 1 FROM ${this.source()} ORDER BY i.${quote(ORD)}`;
  }

  private compileUpdate(): string {
    const changing = this.written.filter(({ isPrimary }) => !isPrimary);
    const assign = (column: ColumnMetadata) => {
      const name = quote(column.databaseName);
      return `${name} = CASE WHEN ${this.has(column)} THEN ${this.value(column)} ELSE t.${name} END`;
    };
    const differs = (column: ColumnMetadata) => {
      // Types without an equality operator are compared as they are written.
      const cast = ['json', 'xml', 'point', 'polygon', 'path'].includes(String(column.type)) ? '::text' : '';
      return `(${this.has(column)} AND t.${quote(column.databaseName)}${cast} IS DISTINCT FROM ${this.value(column)}${cast})`;
    };
    return `UPDATE ${this.table} AS t
               SET ${changing.map(assign).join(', ')}, updated_at = ${this.parameterAfterSource()}, version = t.version + 1
              FROM ${this.source()} WHERE t.id = i.id AND (${changing.map(differs).join(' OR ')})`;
  }

  /** The given rows as a table `i`, with ORD for their place and PRESENT for which of their values are given. */
  private source(): string {
    if (this.asJson) {
      const fields = this.written.map((column) => `${quote(column.databaseName)} ${this.castOf(column)}`);
      return `jsonb_to_recordset($1::jsonb) AS i (${quote(ORD)} int, ${quote(PRESENT)} bigint, ${fields.join(', ')})`;
    }
    const arrays = this.written.map((column, index) => `$${index + 2}::${this.castOf(column)}[]`);
    const names = this.written.map(({ databaseName }) => quote(databaseName));
    return `unnest($1::bigint[], ${arrays.join(', ')}) WITH ORDINALITY AS i (${quote(PRESENT)}, ${names.join(', ')}, ${quote(ORD)})`;
  }

  private parameterAfterSource(): string {
    return `$${this.asJson ? 2 : this.written.length + 2}::timestamptz`;
  }

  private sameKey(key: ColumnMetadata[]): string {
    return key.map(({ databaseName }) => `t.${quote(databaseName)} = i.${quote(databaseName)}`).join(' AND ');
  }

  private has(column: ColumnMetadata): string {
    return `i.${quote(PRESENT)} & ${this.bits.get(column.propertyName)} <> 0`;
  }

  /** Enum values travel as text: the type's name depends on the schema. */
  private value(column: ColumnMetadata): string {
    const value = `i.${quote(column.databaseName)}`;
    return isEnum(column) ? `${value}::${quote(enumName(column))}${column.isArray ? '[]' : ''}` : value;
  }

  private castOf(column: ColumnMetadata): string {
    const type = isEnum(column) ? 'text' : this.driver.normalizeType(column);
    return (ANY_LENGTH[type] ?? type) + (column.isArray ? '[]' : '');
  }

  private presence(row: Row): number {
    let bits = 0;
    for (const [property, bit] of this.bits) if (row[property] !== undefined) bits += bit;
    return bits;
  }

  private jsonValues(row: Row): ObjectLiteral {
    return Object.fromEntries(
      this.written.map((column) => {
        const value = row[column.propertyName];
        const isJson = column.type === 'json' || column.type === 'jsonb';
        const stored = isJson
          ? ApplyValueTransformers.transformTo(column.transformer ?? [], value)
          : this.asText(this.driver.preparePersistentValue(value, column), column);
        return [column.databaseName, stored];
      }),
    );
  }

  /** Spells what JSON would spell otherwise than `pg` does; anything else stays what it is. */
  private asText(value: unknown, column: ColumnMetadata): unknown {
    if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
    if (typeof value === 'bigint') return String(value);
    const hasZone = this.driver.normalizeType(column) !== 'timestamp without time zone';
    return value instanceof Date && !hasZone ? wallClock(value) : value;
  }
}

const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
const ord = (): string => `i.${quote(ORD)}::int AS ${quote(ORD)}`;
const isEnum = ({ type }: ColumnMetadata): boolean => type === 'enum' || type === 'simple-enum';
const enumName = (column: ColumnMetadata): string =>
  column.enumName ?? `${column.entityMetadata.tableName}_${column.databaseName}_enum`;

/** A time as the clock on the wall shows it, which is what a column without time zone keeps. */
const wallClock = (time: Date): string =>
  new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);

/** Most values come from `pg` as the entity wants them; these do not. */
function needsHydration({ type, transformer }: ColumnMetadata): boolean {
  return (
    transformer !== undefined ||
    ['date', 'time', 'hstore', 'simple-array', 'simple-json', 'simple-enum', 'enum', 'cube'].includes(String(type))
  );
}
