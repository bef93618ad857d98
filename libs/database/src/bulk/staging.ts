import { pipeline } from 'node:stream/promises';
import { setImmediate as eventLoop } from 'node:timers/promises';
import { QueryResult } from 'typeorm';
import { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';
import { currentUnit } from '../scope';
import type { Unit } from '../unit';
import { copyText } from './copy-text';
import type { EntitySql } from './entity-sql';
import { ORD, PRESENT, quote, Row, Source, WrittenColumns } from './written-columns';

/** A row of a file, and the line it stands on, alone. */
export interface StagedRow {
  line: number;
  row: Row;
}

/** What a check found wrong: how many rows, and the first of them, by line. None of them is in the staging any more. */
export interface Finding<Detail = object> {
  count: number;
  first: ({ line: number } & Detail)[];
}

/**
 * The rows of a file on their way into the table of an entity, in a temporary table that ends with the running unit of
 * work: more rows than memory would hold, checked and written as a set. Writing throws Postgres's error when any row cannot
 * be written; each check takes out the rows that fail it, so that the others can be.
 */
export class Staging {
  /** How many rows are in it. */
  size = 0;
  private readonly table: string;
  private readonly all: Source;
  private readonly withoutTwins = new Set<string>();

  private constructor(
    private readonly sql: EntitySql,
    private readonly named: number,
  ) {
    this.table = newTable();
    this.all = new StagedRows(`${this.table} AS i`, sql.written);
  }

  /** Takes in `batches` as fast as Postgres does; they may not ask the unit for anything else. Findings name `named` rows. */
  static async fill(sql: EntitySql, batches: AsyncIterable<StagedRow[]>, named = 100): Promise<Staging> {
    const staging = new Staging(sql, named);
    await staging.copy(batches);
    return staging;
  }

  /** Takes out the rows with a value its column cannot hold: out of range, too long, no such kind. Others trip over those. */
  invalid(): Promise<Finding<{ properties: string[] }>> {
    return this.takeOut(this.sql.invalid(this.all));
  }

  /** Takes out the rows without a value that every record has; in an upsert, unless a record has their `key` already. */
  lacking(key?: string[]): Promise<Finding<{ properties: string[] }>> {
    return this.takeOut(this.sql.lacking(this.all, key && this.columns(key)));
  }

  /** Takes out the rows that refer by `properties` to a record which does not exist. */
  dangling(properties: string[]): Promise<Finding> {
    return this.takeOut(this.sql.dangling(this.sql.foreignKey(properties), this.all));
  }

  /** Takes out the rows that are about to refer by `properties` to a deleted record, unless a record of their `own` key does so already. */
  deadReferences(properties: string[], own = ['id']): Promise<Finding> {
    return this.takeOut(this.sql.deadReferences(this.sql.foreignKey(properties), this.all, this.columns(own)));
  }

  /** Takes out the rows whose `key` a record has; in an upsert, a record that has not their `own` key. */
  taken(key: string[], own = ['id']): Promise<Finding> {
    return this.takeOut(this.sql.taken(this.columns(key), this.all, this.columns(own)));
  }

  /** Takes out the rows whose `key` an earlier row has, which stays: `twin` is its line. */
  async twins(key: string[]): Promise<Finding<{ twin: number }>> {
    const found = await this.takeOut<{ twin: number }>(this.sql.twins(this.columns(key), this.all));
    this.withoutTwins.add(key.join());
    return found;
  }

  /** Inserts every row. Gives how many. */
  insert(): Promise<number> {
    return this.write(this.sql.insertFrom(this.all));
  }

  /** Inserts the rows whose `key` no record has, and changes the records that have it, where that makes a difference. */
  async upsert(key: string[]): Promise<{ created: number; updated: number; unchanged: number }> {
    // Postgres would take either of two rows for one record, and not say which.
    if (!this.withoutTwins.has(key.join())) throw new Error(`Take out the twins of ${key.join(' and ')} first.`);
    const known = newTable();
    await run(`CREATE TEMP TABLE ${known} ON COMMIT DROP AS ${this.sql.match(this.columns(key), this.all)}`);
    await run(`ANALYZE ${known}`);

    const ord = quote(ORD);
    const values = this.sql.written.all.filter(({ isPrimary }) => !isPrimary).map(({ databaseName }) => databaseName);
    const changed = `SELECT k.id, ${[PRESENT, ...values].map((name) => `s.${quote(name)}`).join(', ')}
                       FROM ${this.table} AS s JOIN ${known} AS k USING (${ord}) WHERE k.changes ORDER BY k.id`;
    await run(this.sql.lockSame(this.from(`SELECT id FROM ${known} WHERE changes`)));
    // Joined by hash they would lose their order, and an update have to read and write a page for each.
    await run('SET LOCAL enable_hashjoin = off');
    const updated = await this.write(this.sql.updateFrom(this.from(changed)));
    await run('SET LOCAL enable_hashjoin TO DEFAULT');
    const added = `SELECT * FROM ${this.table} AS s WHERE NOT EXISTS (SELECT FROM ${known} AS k WHERE k.${ord} = s.${ord})`;
    const created = await this.write(this.sql.insertFrom(this.from(added)));
    return { created, updated, unchanged: this.size - created - updated };
  }

  private async copy(batches: AsyncIterable<StagedRow[]>): Promise<void> {
    const { all, names } = this.sql.written;
    // Values are text until they are known to be valid: COPY would fail at the first that is not.
    const columns = all.map(({ isPrimary }, index) => `${names[index]} ${isPrimary ? 'uuid' : 'text'}`);
    const [ord, present] = [ORD, PRESENT].map(quote);
    await run(`CREATE TEMP TABLE ${this.table} (${ord} int, ${present} bigint, ${columns.join(', ')}) ON COMMIT DROP`);
    const copy = await currentUnit().copyIn(`COPY ${this.table} (${[ord, present, ...names].join(', ')}) FROM STDIN`);
    const closed = new Promise((resolve) => copy.once('close', resolve));
    try {
      await pipeline(this.text(batches), copy);
    } finally {
      await closed; // a COPY that fails is over when Postgres has said so
    }
    await this.analyze();
  }

  private async *text(batches: AsyncIterable<StagedRow[]>): AsyncIterable<string> {
    const { written } = this.sql;
    for await (const batch of batches) {
      let text = '';
      for (const { line, row } of batch) {
        text += `${line}\t${written.presence(row)}`;
        for (const column of written.all) text += '\t' + copyText(written.prepared(row, column));
        text += '\n';
      }
      this.size += batch.length;
      yield text;
      await eventLoop(); // a source that never waits would keep everyone else waiting, and the answer of Postgres too
    }
  }

  /** Nobody else counts the rows of a temporary table, and plans are made by their number. */
  private async analyze(): Promise<void> {
    await run(`ANALYZE ${this.table}`);
  }

  private async takeOut<Detail>(finding: string): Promise<Finding<Detail>> {
    const { raw } = await run(
      `WITH out AS (
         DELETE FROM ${this.table} AS s USING (${finding}) AS bad WHERE s.${quote(ORD)} = bad.${quote(ORD)} RETURNING bad.*)
       SELECT *, (SELECT count(*)::int FROM out) AS count FROM out ORDER BY ${quote(ORD)} LIMIT $1`,
      [this.named],
    );
    const count: number = raw[0]?.count ?? 0;
    this.size -= count;
    return { count, first: raw.map(({ [ORD]: line, count: _count, ...detail }: FoundRow) => ({ line, ...detail })) };
  }

  private async write(text: string): Promise<number> {
    return (await run(text, [currentUnit().now])).affected!;
  }

  private from(query: string): Source {
    return new StagedRows(`(${query}) AS i`, this.sql.written);
  }

  private columns(properties: string[]): ColumnMetadata[] {
    return properties.map((property) => this.sql.metadata.findColumnWithPropertyName(property)!);
  }
}

type FoundRow = { [ORD]: number; count: number };

/** The rows of a staging table; they lie in the order they came. */
class StagedRows implements Source {
  readonly order = '';
  readonly now = '$1::timestamptz';

  constructor(
    readonly from: string,
    private readonly columns: WrittenColumns,
  ) {}

  value(column: ColumnMetadata): string {
    return `i.${quote(column.databaseName)}::${this.columns.typeOf(column)}`;
  }
}

const opened = new WeakMap<Unit, number>();

/** A name for another temporary table. Numbered in its unit: numbers of the process would give statistics on statements no rest. */
function newTable(): string {
  const number = (opened.get(currentUnit()) ?? 0) + 1;
  opened.set(currentUnit(), number);
  return quote(`#staging_${number}`);
}

const run = (text: string, parameters?: unknown[]): Promise<QueryResult> =>
  currentUnit().manager.queryRunner!.query(text, parameters, true);
