import { ObjectLiteral, Repository } from 'typeorm';
import { BaseEntity } from '../base.entity';
import { currentUnit } from '../scope';
import { EntitySql, ORD, Row } from './entity-sql';

const CHUNK = 10_000; // rows a statement: beyond it nothing gets faster, only the parameters larger

/** A row that was there already, and the place, from 0, of the given one that has its key. */
export interface Found<E> {
  row: E;
  place: number;
}

type Placed = { [ORD]: number };

/**
 * Writes many rows of one entity in few statements, inside the running unit of work. It makes no choices: a row that
 * cannot be written fails the call with Postgres's error. Rows are written in the order given: sort them by a key that
 * all writers agree on, or two of them may wait for each other.
 */
export class BulkWriter<E extends BaseEntity> {
  private compiled?: EntitySql;

  constructor(private readonly repository: Repository<E>) {}

  get sql(): EntitySql {
    return (this.compiled ??= new EntitySql(this.repository.metadata));
  }

  /** Inserts `rows`; gives them back as stored when `returning`, else nothing. */
  insert(rows: Row[], returning: boolean): Promise<E[]> {
    return this.write(this.sql.insert, rows, returning ? this.sql.columns : undefined);
  }

  /** Changes what is given of `rows`; gives back those that were changed, whole when `returning`, else their ids. */
  update(rows: Row[], returning: boolean): Promise<E[]> {
    return this.write(this.sql.update, rows, returning ? this.sql.columns : 't.id');
  }

  /** Deletes the rows of `ids` for good; lock them first. */
  async delete(ids: string[]): Promise<void> {
    await currentUnit().manager.query(this.sql.delete, [ids]);
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
  async lockById(ids: string[], ...how: Parameters<EntitySql['lockById']>): Promise<E[]> {
    return this.hydrated(await currentUnit().manager.query(this.sql.lockById(...how), [ids]));
  }

  /** Those rows that have the same key as one of the given, locked. Where there is none, a deleted one will do, unless excluded. */
  async lockByKey(key: string[], rows: Row[], deleted: 'exclude' | 'include' = 'include'): Promise<Found<E>[]> {
    const found = await this.foundBy(this.sql.lockByKey(this.columns(key)), rows);
    if (!this.isSoftDelete || deleted === 'exclude') return found;
    const places = new Set(found.map(({ place }) => place));
    const missing = rows.flatMap((row, place) => (places.has(place) ? [] : [{ row, place }]));
    const hidden = await this.foundBy(
      this.sql.lockDeletedByKey(this.columns(key)),
      missing.map(({ row }) => row),
    );
    return [...found, ...hidden.map(({ row, place }) => ({ row, place: missing[place].place }))];
  }

  /** The places, from 0, of `rows` whose values of `key` another row has. */
  async taken(key: string[], rows: Row[]): Promise<number[]> {
    return placesOf(await this.inChunks(rows, (chunk) => this.query<Placed>(this.sql.taken(this.columns(key)), chunk)));
  }

  /** The places, from 0, of `rows` that refer by `properties` to a row which does not exist. */
  async dangling(properties: string[], rows: Row[]): Promise<number[]> {
    const text = this.sql.dangling(this.sql.foreignKey(properties));
    return placesOf(await this.inChunks(rows, (chunk) => this.query<Placed>(text, chunk)));
  }

  /** The places, from 0, of `rows` that are about to refer by `properties` to a deleted row, which those of the same `own` key do not. */
  async deadReferences(properties: string[], rows: Row[], own: string[]): Promise<number[]> {
    const text = this.sql.deadReferences(this.sql.foreignKey(properties), this.sql.given, this.columns(own));
    return placesOf(await this.inChunks(rows, (chunk) => this.query<Placed>(text, chunk)));
  }

  /** The places, from 0, of those `ids` that rows of other tables refer to. */
  async referenced(ids: string[]): Promise<number[]> {
    const places = new Set<number>();
    for (const text of this.sql.referenced()) {
      for (const place of placesOf(await currentUnit().manager.query(text, [ids]))) places.add(place);
    }
    return [...places];
  }

  private async foundBy(text: string, rows: Row[]): Promise<Found<E>[]> {
    const found = await this.inChunks(rows, (chunk) => this.query<Placed & ObjectLiteral>(text, chunk));
    return found.map(({ [ORD]: ord, ...row }) => ({ row: this.sql.hydrate<E>(row), place: ord - 1 }));
  }

  private get isSoftDelete(): boolean {
    return this.sql.metadata.deleteDateColumn !== undefined;
  }

  private columns(properties: string[]) {
    return properties.map((property) => this.sql.metadata.findColumnWithPropertyName(property)!);
  }

  private async write(text: string, rows: Row[], returning: string | undefined): Promise<E[]> {
    const whole = returning ? `${text} RETURNING ${returning}` : text;
    const unit = currentUnit();
    const written = await this.inChunks(rows, (chunk) =>
      unit.write<Partial<Placed> & ObjectLiteral>(whole, [...this.sql.given.parameters(chunk), unit.now]),
    );
    return this.hydrated(written);
  }

  private query<R>(text: string, rows: Row[]): Promise<R[]> {
    return currentUnit().manager.query(text, this.sql.given.parameters(rows));
  }

  private async inChunks<R extends Partial<Placed>>(rows: Row[], work: (chunk: Row[]) => Promise<R[]>): Promise<R[]> {
    if (rows.length <= CHUNK) return rows.length ? work(rows) : [];
    const all: R[] = [];
    for (let start = 0; start < rows.length; start += CHUNK) {
      for (const row of await work(rows.slice(start, start + CHUNK))) {
        if (row[ORD] !== undefined) row[ORD] += start;
        all.push(row);
      }
    }
    return all;
  }

  private hydrated(rows: ObjectLiteral[]): E[] {
    return rows.map((row) => this.sql.hydrate<E>(row));
  }
}

const placesOf = (found: Placed[]): number[] => found.map(({ [ORD]: ord }) => ord - 1);
