import { setImmediate as eventLoop } from 'node:timers/promises';
import { EntityMetadata, ObjectLiteral, Repository } from 'typeorm';
import { BaseEntity } from '../base.entity';
import { currentUnit } from '../scope';
import { EntitySql, ORD, Row, Writes } from './entity-sql';
import { GivenRows } from './given-rows';

// Rows a statement: few where some can be made ready while Postgres writes others; many where it looks for rows to join
// them to, for which it may read the whole table each time.
const WRITTEN = 2_500;
const JOINED = 10_000;

/** Which rows are locked, and what is read of them. */
export interface Lock {
  /** Whether deleted rows are among them. */
  deleted?: 'exclude' | 'include';
  /** Every column, and not only which record a row is and which version of it. */
  whole?: boolean;
}

/** A row that was locked, as far as it was read. */
export type Locked<E extends BaseEntity> = Pick<E, 'id' | 'version'> & Partial<E>;

/** A row that was there already, and the place, from 0, of the given one that has its key. */
export interface Found<E extends BaseEntity> {
  row: Locked<E>;
  place: number;
}

/** How the statements of an entity are compiled. */
export type SqlOf = (metadata: EntityMetadata) => EntitySql;

type Placed = { [ORD]: number };

/**
 * Writes many rows of one entity in few statements, inside the running unit of work. It makes no choices: a row that
 * cannot be written fails the call with Postgres's error. Rows are written in the order given: sort them by a key that
 * all writers agree on, or two of them may wait for each other.
 */
export class BulkWriter<E extends BaseEntity> {
  private compiled?: EntitySql;

  constructor(
    private readonly repository: Repository<E>,
    private readonly sqlOf: SqlOf = (metadata) => new EntitySql(metadata),
  ) {}

  get sql(): EntitySql {
    return (this.compiled ??= this.sqlOf(this.repository.metadata));
  }

  /** Inserts `rows`; gives them back as stored when `returning`, else nothing. */
  insert(rows: Row[], returning: boolean): Promise<E[]> {
    return this.write(returning ? 'insertReturning' : 'insert', rows, WRITTEN);
  }

  /** Changes what is given of `rows`; gives back those that were changed, whole when `returning`, else their ids. */
  update(rows: Row[], returning: boolean): Promise<E[]> {
    return this.write(returning ? 'updateReturning' : 'update', rows, JOINED);
  }

  /**
   * Inserts `rows`, or changes those that have the same `key`, and gives back what it wrote: whole when `returning`, else
   * with its id and key; where nothing would be different it only locks. All rows give the same values, more than the key,
   * and what a new row cannot do without.
   */
  async upsert(key: string[], rows: Row[], returning: boolean): Promise<E[]> {
    const { given } = rows.length === 1 ? this.sql.one : this.sql.many;
    const columns = this.columns(key);
    const values = this.sql.written.all.filter(({ propertyName }) => rows[0][propertyName] !== undefined);
    const read = returning ? this.sql.columns : `t.id, ${this.sql.read(columns)}`;
    const text = `${this.sql.upsertFrom(given, columns, values)} RETURNING ${read}`;
    return this.writeFrom(given, text, rows, WRITTEN);
  }

  /** Deletes the rows of `ids` for good; lock them first. */
  async delete(ids: string[]): Promise<void> {
    const { manager, now } = currentUnit();
    const parameters: unknown[] = [ids];
    const text = this.sql.deleteWhere('t.id = ANY($1::uuid[])', () => `$${parameters.push(now)}::timestamptz`);
    await manager.query(text, parameters);
  }

  /** Hides the rows of `ids`, which stay; lock them first. */
  async softDelete(ids: string[]): Promise<void> {
    const { manager, now } = currentUnit();
    await manager.query(this.sql.setDeleted, [ids, now, now]);
  }

  /** Shows a hidden row again, and gives it back. */
  async restore(id: string): Promise<E> {
    const { manager, now } = currentUnit();
    const text = `${this.sql.setDeleted} RETURNING ${this.sql.columns}`;
    const [[row]] = await manager.query(text, [[id], null, now]);
    return this.sql.hydrate<E>(row);
  }

  /** Those rows of `ids` that exist, locked. */
  async lockById(ids: string[], strength: 'UPDATE' | 'NO KEY UPDATE', how: Lock = {}): Promise<Locked<E>[]> {
    const text = this.sql.lockById(strength, this.columnsOf(how), how.deleted);
    const rows: ObjectLiteral[] = await currentUnit().manager.query(text, [ids]);
    return rows.map((row) => this.locked(row, how));
  }

  /** Those rows that have the same key as one of the given, locked. Where there is none, a deleted one will do, unless excluded. */
  async lockByKey(key: string[], rows: Row[], how: Lock = {}): Promise<Found<E>[]> {
    const columns = this.columns(key);
    const [given, wanted] = [this.sql.givenOnly(columns), this.columnsOf(how)];
    const find = async (text: string, rows: Row[]): Promise<Found<E>[]> => {
      const found = await this.ask<Placed & ObjectLiteral>(given, text, rows);
      return found.map(({ [ORD]: ord, ...row }) => ({ row: this.locked(row, how), place: ord - 1 }));
    };
    const found = await find(this.sql.lockByKey(columns, wanted, given), rows);
    if (!this.isSoftDelete || how.deleted === 'exclude') return found;
    const places = new Set(found.map(({ place }) => place));
    const missing = rows.flatMap((row, place) => (places.has(place) ? [] : [{ row, place }]));
    const hidden = await find(
      this.sql.lockDeletedByKey(columns, wanted, given),
      missing.map(({ row }) => row),
    );
    return [...found, ...hidden.map(({ row, place }) => ({ row, place: missing[place].place }))];
  }

  /** The places, from 0, of `rows` whose values of `key` another row has. */
  taken(key: string[], rows: Row[]): Promise<number[]> {
    return this.places(this.sql.taken(this.columns(key)), rows);
  }

  /** The places, from 0, of `rows` that refer by `properties` to a row which does not exist. */
  dangling(properties: string[], rows: Row[]): Promise<number[]> {
    return this.places(this.sql.dangling(this.sql.foreignKey(properties)), rows);
  }

  /** The places, from 0, of `rows` that are about to refer by `properties` to a deleted row, which those of the same `own` key do not. */
  deadReferences(properties: string[], rows: Row[], own: string[]): Promise<number[]> {
    return this.places(
      this.sql.deadReferences(this.sql.foreignKey(properties), this.sql.given, this.columns(own)),
      rows,
    );
  }

  /** The places, from 0, of those `ids` that rows of other tables refer to. */
  async referenced(ids: string[]): Promise<number[]> {
    const places = new Set<number>();
    for (const text of this.sql.referenced()) {
      for (const place of placesOf(await currentUnit().manager.query(text, [ids]))) places.add(place);
    }
    return [...places];
  }

  private columnsOf({ whole }: Lock): string {
    return whole ? this.sql.columns : this.sql.identity;
  }

  private locked(row: ObjectLiteral, { whole }: Lock): Locked<E> {
    return whole ? this.sql.hydrate(row) : (row as Locked<E>);
  }

  private get isSoftDelete(): boolean {
    return this.sql.metadata.deleteDateColumn !== undefined;
  }

  private columns(properties: string[]) {
    return properties.map((property) => this.sql.metadata.findColumnWithPropertyName(property)!);
  }

  private write(what: Exclude<keyof Writes, 'given'>, rows: Row[], most: number): Promise<E[]> {
    const { given, [what]: text } = rows.length === 1 ? this.sql.one : this.sql.many;
    return this.writeFrom(given, text, rows, most);
  }

  private async writeFrom(given: Writes['given'], text: string, rows: Row[], most: number): Promise<E[]> {
    const unit = currentUnit();
    const parametersOf = (chunk: Row[]) => [...given.parameters(chunk), unit.now];
    const written = await this.inChunks<ObjectLiteral>(rows, most, parametersOf, (parameters) =>
      unit.write(text, parameters),
    );
    return written.map((row) => this.sql.hydrate<E>(row));
  }

  private async places(text: string, rows: Row[]): Promise<number[]> {
    return placesOf(await this.ask(this.sql.given, text, rows));
  }

  private ask<R extends Placed>(given: GivenRows, text: string, rows: Row[]): Promise<R[]> {
    const { manager } = currentUnit();
    const parametersOf = (chunk: Row[]) => given.parameters(chunk);
    return this.inChunks<R>(rows, JOINED, parametersOf, (parameters) => manager.query(text, parameters));
  }

  /** Sends `rows`, at `most` so many at a time. While Postgres works on one, the next is made ready. */
  private async inChunks<R extends Partial<Placed>>(
    rows: Row[],
    most: number,
    parametersOf: (chunk: Row[]) => unknown[],
    send: (parameters: unknown[]) => Promise<R[]>,
  ): Promise<R[]> {
    if (rows.length <= most) return rows.length ? send(parametersOf(rows)) : [];
    const all: R[] = [];
    let ready = parametersOf(rows.slice(0, most));
    for (let start = 0; start < rows.length; start += most) {
      const sent = send(ready);
      sent.catch(() => undefined); // awaited below, and may fail before
      await eventLoop(); // until it has left
      ready = parametersOf(rows.slice(start + most, start + 2 * most));
      for (const row of await sent) {
        if (row[ORD] !== undefined) row[ORD] += start;
        all.push(row);
      }
    }
    return all;
  }
}

const placesOf = (found: Placed[]): number[] => found.map(({ [ORD]: ord }) => ord - 1);
