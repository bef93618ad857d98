import { escapeLiteral } from 'pg';
import { prepareValue } from 'pg/lib/utils';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { EntitySql } from '@app/database';
import { ExportQuery } from '../reading/list-query';
import { ListSql, Values, whereAll } from '../reading/list-sql';
import { FORMULA } from './formula';

/** COPY statements that say the records of a list as the API says them, one a line. */
export class ExportSql {
  constructor(
    private readonly sql: EntitySql,
    private readonly lists: ListSql,
  ) {}

  /** Whether the database alone can spell these fields as the API does. */
  knows(fields: string[]): boolean {
    return fields.every((field) => {
      const column = this.sql.metadata.findColumnWithPropertyName(field);
      return column && !column.transformer && !column.isArray && !UNLIKE_JSON.includes(String(column.type));
    });
  }

  /** JSON has no control characters, so two of them keep COPY from quoting it. */
  ndjson(fields: string[], query: ExportQuery): string {
    const record = this.select(fields, query, (column) => jsonOf(column));
    return `COPY (SELECT row_to_json(r) FROM (${record}) AS r) TO STDOUT WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')`;
  }

  csv(fields: string[], query: ExportQuery): string {
    const record = this.select(fields, query, (column) => (query.raw ? csvOf(column) : harmless(column)));
    return `COPY (${record}) TO STDOUT WITH (FORMAT csv, HEADER true)`;
  }

  private select(fields: string[], query: ExportQuery, spell: (column: ColumnMetadata) => string): string {
    const columns = fields.map((field) => {
      const column = this.sql.metadata.findColumnWithPropertyName(field)!;
      return `${spell(column)} AS ${quote(field)}`;
    });
    const from = this.lists.from(query, new Literals());
    const where = whereAll(this.lists.conditions(query, new Literals()));
    return `SELECT ${columns.join(', ')} FROM ${from} ${where} ${this.lists.order(query.sort)}`;
  }
}

/** COPY takes no parameters: here values stand in the text, quoted as Postgres quotes them. */
class Literals extends Values {
  override add(value: unknown): string {
    return escapeLiteral(String(prepareValue(value)));
  }
}

const UNLIKE_JSON = [
  'timestamp',
  'timestamp without time zone',
  'time',
  'bytea',
  'hstore',
  'cube',
  'simple-array',
  'simple-json',
  'xml',
  'interval',
  'point',
  'money',
];
const TIMES = ['timestamptz', 'timestamp with time zone'];
const AS_TEXT = ['bigint', 'int8', 'numeric', 'decimal']; // JavaScript's numbers do not hold them all
const TEXTS = ['text', 'varchar', 'character varying', 'char', 'character', 'citext'];

const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
const nameOf = ({ databaseName }: ColumnMetadata): string => `t.${quote(databaseName)}`;

function jsonOf(column: ColumnMetadata): string {
  const type = String(column.type);
  if (TIMES.includes(type)) return `to_char(${nameOf(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  return AS_TEXT.includes(type) ? `${nameOf(column)}::text` : nameOf(column);
}

const csvOf = (column: ColumnMetadata): string =>
  TIMES.includes(String(column.type)) ? jsonOf(column) : nameOf(column);

/** Text that a spreadsheet would run is put so that it does not; of other types none looks like that to anyone. */
function harmless(column: ColumnMetadata): string {
  if (!TEXTS.includes(String(column.type === String ? 'text' : column.type))) return csvOf(column);
  const [name, pattern] = [nameOf(column), escapeLiteral(FORMULA.source)];
  return `CASE WHEN ${name} ~ ${pattern} THEN '''' || ${name} ELSE ${name} END`;
}
