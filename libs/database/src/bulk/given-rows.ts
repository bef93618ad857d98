import { ObjectLiteral } from 'typeorm';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { ApplyValueTransformers } from 'typeorm/util/ApplyValueTransformers';
import { isEnum, ORD, PRESENT, quote, Row, Source, WrittenColumns } from './written-columns';

/** A single row, each of whose values is a parameter of the statement: Postgres is spared the arrays. */
export class GivenRow implements Source {
  readonly from: string;
  readonly order = '';
  readonly now: string;

  constructor(private readonly columns: WrittenColumns) {
    const values = columns.all.map((column, index) => `$${index + 2}::${castOf(columns, column)}`);
    const names = [PRESENT, ...columns.all.map(({ databaseName }) => databaseName), ORD].map(quote);
    this.from = `(VALUES ($1::bigint, ${values.join(', ')}, 1)) AS i (${names.join(', ')})`;
    this.now = `$${columns.all.length + 2}::timestamptz`;
  }

  value(column: ColumnMetadata): string {
    return valueOf(this.columns, column);
  }

  /** The parameters that stand for `row`. */
  parameters([row]: Row[]): unknown[] {
    return [this.columns.presence(row), ...this.columns.all.map((column) => this.columns.prepared(row, column))];
  }
}

/** Rows, or some columns of them, that travel as the parameters of the statement: one array a column, or one JSON text. */
export class GivenRows implements Source {
  readonly from: string;
  readonly order = `ORDER BY i.${quote(ORD)}`;
  readonly now: string;
  /** unnest takes parallel arrays, whose elements cannot be arrays or objects again: those entities travel as JSON. */
  private readonly asJson: boolean;

  constructor(
    private readonly columns: WrittenColumns,
    private readonly which: ColumnMetadata[] = columns.all,
  ) {
    this.asJson = which.some((column) => column.isArray || isJson(column));
    this.from = this.asJson ? this.recordset() : this.unnest();
    this.now = `$${this.asJson ? 2 : which.length + 2}::timestamptz`;
  }

  value(column: ColumnMetadata): string {
    return valueOf(this.columns, column);
  }

  /** The parameters that stand for `rows` in every statement over this source. */
  parameters(rows: Row[]): unknown[] {
    const present = rows.map((row) => this.columns.presence(row));
    if (this.asJson) {
      return [
        JSON.stringify(
          rows.map((row, index) => ({ ...this.jsonValues(row), [PRESENT]: present[index], [ORD]: index + 1 })),
        ),
      ];
    }
    return [present, ...this.which.map((column) => rows.map((row) => this.columns.prepared(row, column)))];
  }

  private recordset(): string {
    const fields = this.which.map((column) => `${quote(column.databaseName)} ${castOf(this.columns, column)}`);
    return `jsonb_to_recordset($1::jsonb) AS i (${quote(ORD)} int, ${quote(PRESENT)} bigint, ${fields.join(', ')})`;
  }

  private unnest(): string {
    const arrays = this.which.map((column, index) => `$${index + 2}::${castOf(this.columns, column)}[]`);
    const names = [PRESENT, ...this.which.map(({ databaseName }) => databaseName), ORD].map(quote);
    return `unnest($1::bigint[], ${arrays.join(', ')}) WITH ORDINALITY AS i (${names.join(', ')})`;
  }

  private jsonValues(row: Row): ObjectLiteral {
    return Object.fromEntries(
      this.which.map((column) => {
        const stored = isJson(column)
          ? ApplyValueTransformers.transformTo(column.transformer ?? [], row[column.propertyName])
          : this.asText(this.columns.prepared(row, column), column);
        return [column.databaseName, stored];
      }),
    );
  }

  /** Spells what JSON would spell otherwise than `pg` does; anything else stays what it is. */
  private asText(value: unknown, column: ColumnMetadata): unknown {
    if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
    if (typeof value === 'bigint') return String(value);
    const hasZone = this.columns.typeOf(column) !== 'timestamp without time zone';
    return value instanceof Date && !hasZone ? wallClock(value) : value;
  }
}

function valueOf(columns: WrittenColumns, column: ColumnMetadata): string {
  const value = `i.${quote(column.databaseName)}`;
  return isEnum(column) ? `${value}::${columns.typeOf(column)}` : value;
}

/** Enum values travel as text: the type's name depends on the schema. */
function castOf(columns: WrittenColumns, column: ColumnMetadata): string {
  if (!isEnum(column)) return columns.typeOf(column);
  return column.isArray ? 'text[]' : 'text';
}

const isJson = ({ type }: ColumnMetadata): boolean => type === 'json' || type === 'jsonb';

/** A time as the clock on the wall shows it, which is what a column without time zone keeps. */
const wallClock = (time: Date): string =>
  new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, -1);
