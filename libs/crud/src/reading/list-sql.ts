import { EntityMetadata, ObjectLiteral } from 'typeorm';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { RelationMetadata } from 'typeorm/metadata/RelationMetadata';
import { EntitySql } from '@app/database';
import { Position } from './cursors';
import { Condition, OneQuery, PageQuery, Reading, Selection, Sort } from './list-query';

/** A statement and what its `$1`, `$2` … stand for. */
export interface Statement {
  text: string;
  parameters: unknown[];
}

/** A column that a list is sorted by. */
interface Key {
  column: ColumnMetadata;
  descending: boolean;
}

/** The statements that read lists of one entity. Its table is `t` in all of them. */
export class ListSql {
  private readonly included = new Map<string, Included>();
  private plainOne?: string;

  constructor(private readonly sql: EntitySql) {}

  get table(): string {
    return this.sql.table;
  }

  private get metadata(): EntityMetadata {
    return this.sql.metadata;
  }

  /** `take` records after `position`, or from the beginning; an offset goes with the latter only. */
  page(query: PageQuery, take: number, position: Position | undefined): Statement {
    const parameters = new Values();
    const from = this.from(query, parameters);
    const where = this.conditions(query, parameters);
    const keys = this.keys(query.sort);
    const order = orderBy(keys);
    const columns = this.columns(query.fields, keys);
    const limit = `LIMIT ${parameters.add(take)}`;
    const slice = query.offset ? `${limit} OFFSET ${parameters.add(query.offset)}` : limit;
    const part = (columns: string, more: string[]) =>
      `SELECT ${columns} FROM ${from} ${whereAll([...where, ...more])} ${order} ${slice}`;

    const parts = position ? beyond(keys, position, parameters) : [[]];
    const related = (query.include ?? []).map((name) => this.related(name));
    if (parts.length === 1 && !related.length) return { text: part(columns, parts[0]), parameters: parameters.all };

    const rows = parts.map((more) => `(${part(this.everything(), more)})`).join(' UNION ALL ');
    const joins = related.map(({ join }) => join).join(' ');
    const selected = [columns, ...related.map(({ columns }) => columns)].join(', ');
    return { text: `SELECT ${selected} FROM (${rows}) AS t ${joins} ${order} ${limit}`, parameters: parameters.all };
  }

  /** The record of `id`, with what it refers to; none that is deleted. */
  one(id: string, query: OneQuery = {}): Statement {
    const isPlain = !query.fields && !query.include?.length && query.asOf === undefined;
    if (!isPlain) return this.statementOfOne(id, query);
    return { text: (this.plainOne ??= this.statementOfOne(id, {}).text), parameters: [id] };
  }

  /** All records of the selection, in no order unless one is given. */
  all(selection: Reading, order = ''): Statement {
    return this.select(this.sql.columns, selection, order);
  }

  /** Deletes the selection, in the order of its ids, so that two such calls cannot deadlock; or hides it at the time `now`. */
  delete(selection: Selection, now: Date): Statement {
    const parameters = new Values();
    const where = whereAll(this.conditions(selection, parameters));
    const text = this.sql.lockAndDelete(where, () => `${parameters.add(now)}::timestamptz`);
    return { text, parameters: parameters.all };
  }

  /** How many records there are: one row with `total`. */
  count(selection: Reading): Statement {
    return this.select('count(*)::int AS total', selection);
  }

  /** What the planner expects `count` to find: it looks at its statistics and at no row. */
  estimate(selection: Reading): Statement {
    const { text, parameters } = this.select('', selection);
    return { text: `EXPLAIN (FORMAT JSON) ${text}`, parameters };
  }

  /** A row of `page` or `one` as its entity, with what it includes. */
  hydrate<E>(row: ObjectLiteral, include: string[] = []): E {
    for (const name of include) this.related(name).take(row);
    return this.sql.hydrate<E>(row);
  }

  /** Where `row` stands in a list sorted by `sort`. Of rows that `page` gave. */
  positionOf(row: ObjectLiteral, sort: Sort[] | undefined): Position {
    return this.keys(sort).map(({ column }) => {
      const value: unknown = row[isExact(column) ? column.propertyName : exactName(column)];
      return value === null
        ? null
        : value instanceof Date
          ? value.toISOString()
          : String(value as string | number | boolean);
    });
  }

  /** What every record of the selection meets, for a WHERE. */
  conditions({ filter = [], deleted = 'exclude' }: Selection, parameters: Values): string[] {
    const conditions = filter.map((condition) => {
      const column = this.column(condition.field);
      return comparison(nameOf(column), condition, parameters);
    });
    const deletedAt = this.metadata.deleteDateColumn;
    if (deletedAt && deleted !== 'include')
      conditions.push(`${nameOf(deletedAt)} IS ${deleted === 'only' ? 'NOT NULL' : 'NULL'}`);
    return conditions;
  }

  /** What a list is read from, as the table alias `t`. */
  from({ asOf }: Reading, parameters: Values): string {
    return this.sql.from(asOf === undefined ? undefined : parameters.add(asOf));
  }

  /** ORDER BY for a list sorted by `sort`. */
  order(sort: Sort[] | undefined): string {
    return orderBy(this.keys(sort));
  }

  private statementOfOne(id: string, query: OneQuery): Statement {
    const parameters = new Values();
    const isIt = `t.id = ${parameters.add(id)}`;
    const related = (query.include ?? []).map((name) => this.related(name));
    const selected = [this.columns(query.fields, []), ...related.map(({ columns }) => columns)].join(', ');
    const joins = related.map(({ join }) => join).join(' ');
    const where = whereAll([isIt, ...this.conditions({}, parameters)]);
    const text = `SELECT ${selected} FROM ${this.from(query, parameters)} ${joins} ${where}`;
    return { text, parameters: parameters.all };
  }

  private select(what: string, selection: Reading, order = ''): Statement {
    const parameters = new Values();
    const from = this.from(selection, parameters);
    const where = whereAll(this.conditions(selection, parameters));
    return { text: `SELECT ${what} FROM ${from} ${where} ${order}`, parameters: parameters.all };
  }

  /** The id comes last, in the direction of the field before it: so that one index serves a list and its reverse. */
  private keys(sort: Sort[] = [{ field: 'createdAt', descending: false }]): Key[] {
    const keys = sort.map(({ field, descending }) => ({ column: this.column(field), descending }));
    const id = keys.findIndex(({ column }) => column.isPrimary);
    if (id >= 0) return keys.slice(0, id + 1);
    return [...keys, { column: this.column('id'), descending: keys.at(-1)?.descending ?? false }];
  }

  private columns(fields: string[] | undefined, keys: Key[]): string {
    const wanted = fields && [...fields, 'id', ...keys.map(({ column }) => column.propertyName)];
    const columns = wanted
      ? this.metadata.columns
          .filter(({ propertyName }) => wanted.includes(propertyName))
          .map((column) => `${nameOf(column)} AS ${quote(column.propertyName)}`)
          .join(', ')
      : this.sql.columns;
    const exact = keys.filter(({ column }) => !isExact(column));
    return [columns, ...exact.map(({ column }) => `${nameOf(column)}::text AS ${quote(exactName(column))}`)].join(', ');
  }

  private everything(): string {
    return this.metadata.columns.map(nameOf).join(', ');
  }

  private related(name: string): Included {
    const relation = this.metadata.findRelationWithPropertyPath(name)!;
    if (!this.included.has(name)) this.included.set(name, new Included(relation));
    return this.included.get(name)!;
  }

  private column(property: string): ColumnMetadata {
    const column = this.metadata.findColumnWithPropertyName(property);
    if (!column) throw new Error(`${this.metadata.name} has no field ${property} to go by.`);
    return column;
  }
}

/** Collects the parameters of a statement while its text is written. */
export class Values {
  readonly all: unknown[] = [];

  /** How the text speaks of `value`. */
  add(value: unknown): string {
    return `$${this.all.push(value)}`;
  }
}

/** A record that each row of a list refers to, read by the same statement. */
class Included {
  readonly join: string;
  readonly columns: string;
  private readonly sql: EntitySql;
  private readonly names: [selected: string, property: string][];

  constructor(private readonly relation: RelationMetadata) {
    const { propertyName, inverseEntityMetadata: other, joinColumns } = relation;
    const alias = quote(propertyName);
    const on = joinColumns.map(
      (column) => `${alias}.${quote(column.referencedColumn!.databaseName)} = ${nameOf(column)}`,
    );
    this.sql = new EntitySql(other);
    this.names = other.columns.map((column) => [`${propertyName}.${column.propertyName}`, column.propertyName]);
    this.join = `LEFT JOIN ${quote(other.tableName)} AS ${alias} ON ${on.join(' AND ')}`;
    this.columns = other.columns
      .map((column, index) => `${alias}.${quote(column.databaseName)} AS ${quote(this.names[index][0])}`)
      .join(', ');
  }

  /** Takes the columns of the other record out of `row`, and puts the record in. */
  take(row: ObjectLiteral): void {
    const other: ObjectLiteral = {};
    for (const [selected, property] of this.names) {
      other[property] = row[selected];
      delete row[selected];
    }
    row[this.relation.propertyName] = other.id === null ? null : this.sql.hydrate(other);
  }
}

/** The rows after `position` as alternatives that exclude each other, so that an index can serve each of them. */
function beyond(keys: Key[], position: Position, parameters: Values): string[][] {
  const values = position.map((value) => (value === null ? 'NULL' : parameters.add(value)));
  const [{ descending }] = keys;
  const isPlain = keys.every(({ column, ...key }) => key.descending === descending && !column.isNullable);
  if (isPlain) {
    const names = keys.map(({ column }) => nameOf(column)).join(', ');
    return [[`(${names}) ${descending ? '<' : '>'} (${values.join(', ')})`]];
  }
  return keys.flatMap(({ column, descending }, place) => {
    const same = keys.slice(0, place).map(({ column: before }, index) => {
      return values[index] === 'NULL' ? `${nameOf(before)} IS NULL` : `${nameOf(before)} = ${values[index]}`;
    });
    // Postgres puts nulls last, and first when descending.
    const further: string[] = [];
    if (values[place] !== 'NULL') further.push(`${nameOf(column)} ${descending ? '<' : '>'} ${values[place]}`);
    if (values[place] !== 'NULL' && column.isNullable && !descending) further.push(`${nameOf(column)} IS NULL`);
    if (values[place] === 'NULL' && descending) further.push(`${nameOf(column)} IS NOT NULL`);
    return further.map((condition) => [...same, condition]);
  });
}

function comparison(name: string, { operator, values }: Condition, parameters: Values): string {
  const [first, second] = values;
  switch (operator) {
    case 'eq':
      return `${name} = ${parameters.add(first)}`;
    case 'ne':
      return `${name} IS DISTINCT FROM ${parameters.add(first)}`;
    case 'in':
      return `${name} = ANY(${parameters.add(values)})`;
    case 'nin':
      return `(${name} = ANY(${parameters.add(values)})) IS NOT TRUE`;
    case 'between':
      return `${name} BETWEEN ${parameters.add(first)} AND ${parameters.add(second)}`;
    case 'like':
      return `${name} LIKE ${parameters.add(first)}`;
    case 'ilike':
      return `${name} ILIKE ${parameters.add(first)}`;
    case 'null':
      return `${name} IS ${first ? 'NULL' : 'NOT NULL'}`;
    default:
      return `${name} ${{ gt: '>', gte: '>=', lt: '<', lte: '<=' }[operator]} ${parameters.add(first)}`;
  }
}

const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
const nameOf = ({ databaseName }: ColumnMetadata): string => `t.${quote(databaseName)}`;
export const whereAll = (conditions: string[]): string =>
  conditions.length ? `WHERE ${conditions.join(' AND ')}` : '';
const orderBy = (keys: Key[]): string =>
  `ORDER BY ${keys.map(({ column, descending }) => nameOf(column) + (descending ? ' DESC' : '')).join(', ')}`;

/** Whether the value of a row tells all that the database knows of it. A Date knows milliseconds, Postgres microseconds. */
const isExact = ({ type, precision, transformer }: ColumnMetadata): boolean =>
  !transformer && (!String(type).startsWith('timestamp') || (precision != null && precision <= 3));
const exactName = ({ propertyName }: ColumnMetadata): string => `#${propertyName}`;
