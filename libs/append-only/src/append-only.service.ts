import { isDeepStrictEqual } from 'node:util';
import { EntityTarget, ObjectLiteral, Repository } from 'typeorm';
import { BulkWriter, currentScope, currentUnit } from '@app/database';
import { Cause, causeOf, Conditions, CrudService, dangling, gone, mismatch, overtaken, Problem } from '@app/crud';
import { AppendOnlySql } from './append-only-sql';
import type { AppendOnlyEntity } from './append-only.entity';

/** One version of a record. */
export interface Version<E> {
  /** The record as it was; where it was deleted, as it was before. */
  record: E;
  validFrom: Date;
  deleted: boolean;
  actor: string;
  requestId: string | null;
  /** The properties that were not so in the version before. */
  changed: (keyof E & string)[];
}

/** Which versions of a record to read: the latest ones, or those that follow on a page of them. */
export interface HistoryQuery {
  /** At most so many versions, 50 unless told. */
  limit?: number;
  /** The `nextCursor` of the page before. */
  cursor?: string;
}

/** The entities that services of this kind write. */
export const served = new Set<EntityTarget<unknown>>();

const RACES = 3; // that one revert may lose to others that write the same record

type Found = ObjectLiteral & { id: string; version: number };

/** What can be done with the records of an append-only model: the same as with others, and every version of them is kept. */
export abstract class AppendOnlyService<E extends AppendOnlyEntity> extends CrudService<E> {
  private readonly rows: BulkWriter<E>;

  constructor(repository: Repository<E>) {
    super(repository, (metadata) => new AppendOnlySql(metadata));
    this.rows = new BulkWriter(repository, (metadata) => new AppendOnlySql(metadata));
    served.add(repository.target);
  }

  /** The versions of a record, the latest first, of one that is deleted too. Throws 404 where there never was one. */
  async readHistory(
    id: string,
    { limit = 50, cursor }: HistoryQuery = {},
  ): Promise<{ items: Version<E>[]; nextCursor: string | null }> {
    const list = JSON.stringify([currentScope()?.tenant.id, this.sql.versions, id]);
    const [before] = cursor === undefined ? [null] : await this.cursors.open(list, cursor);
    const rows = await currentUnit().single<ObjectLiteral>(
      `SELECT ${this.sql.columns}, t.valid_from AS "#validFrom", t.deleted AS "#deleted", t.actor AS "#actor", t.request_id AS "#requestId"
         FROM ${this.sql.versions} AS t WHERE t.id = $1 AND t.version < coalesce($2::int, 2147483647)
        ORDER BY t.version DESC LIMIT $3`,
      [id, before, limit + 1], // one more, to know whether there is more, and what the last one changed
    );
    if (cursor === undefined) this.orNotFound(rows[0]);
    const read = rows.map((row) => this.versionOf(row));
    const items = read.slice(0, limit).map((version, place) => ({
      ...version,
      changed: this.changing.filter((name) => !isDeepStrictEqual(version.record[name], read[place + 1]?.record[name])),
    }));
    const last = rows.length > limit ? String(items[limit - 1].record.version) : undefined;
    return { items, nextCursor: last === undefined ? null : await this.cursors.seal(list, [last]) };
  }

  /**
   * Makes a record what it was in an earlier version, by a new one; a deleted record is there again, with its id. One that
   * is like that already stays as it is.
   */
  async revertOne(id: string, version: number, conditions: Conditions = {}): Promise<E> {
    for (let race = 1; ; race++) {
      try {
        return await currentUnit().attempt(() => this.revert(id.toLowerCase(), version, conditions));
      } catch (error) {
        const cause = causeOf(error, this.repository.metadata.dataSource.entityMetadatas, 'write');
        const problem = cause ? Problem.of([cause]) : error;
        const isOvertaken = problem instanceof Problem && problem.body.code === overtaken().code;
        if (!isOvertaken || race === RACES) throw problem;
      }
    }
  }

  private async revert(id: string, version: number, conditions: Conditions): Promise<E> {
    const [current] = await this.rows.lockById([id], 'NO KEY UPDATE', { whole: true });
    const found = await currentUnit().manager.query<(Found & { '#deleted': boolean })[]>(
      `SELECT ${this.sql.columns}, t.deleted AS "#deleted" FROM ${this.sql.versions} AS t
        WHERE t.id = $1 AND t.version IN ($2, (SELECT max(version) FROM ${this.sql.versions} WHERE id = $1)) ORDER BY t.version`,
      [id, version],
    );
    const last = this.orNotFound(found.at(-1));
    if (!current && !last['#deleted']) throw Problem.of([overtaken()]); // brought back between the two statements
    const wanted = found.find((row) => row.version === version);
    const causes = current ? mismatch(current, conditions) : conditions.ifMatch ? [gone()] : [];
    if (!wanted) causes.push(refusal('unknown_version', `There is no version ${version}.`));
    else if (wanted['#deleted'])
      causes.push(refusal('deleted_version', `Version ${version} is its deletion: delete it instead.`));
    if (causes.length) throw Problem.of(causes);

    const record = this.sql.hydrate<E>(wanted!);
    if (current && this.changing.every((name) => isDeepStrictEqual(record[name], current[name]))) return current as E;
    await this.refuseDeadReferences(record);
    const [row] = await currentUnit().write<ObjectLiteral>(this.sql.revert, [
      id,
      version,
      last.version,
      currentUnit().now,
    ]);
    return this.sql.hydrate<E>(row);
  }

  /** It may have referred to what has been deleted since, and is only hidden. */
  private async refuseDeadReferences(record: E): Promise<void> {
    const causes: Cause[] = [];
    for (const { columns, referencedEntityMetadata } of this.sql.metadata.foreignKeys) {
      if (!referencedEntityMetadata.deleteDateColumn) continue;
      const properties = columns.map(({ propertyName }) => propertyName);
      const places = await this.rows.deadReferences(properties, [record], ['id']);
      if (places.length) causes.push(dangling(properties));
    }
    if (causes.length) throw Problem.of(causes);
  }

  private versionOf({
    '#validFrom': validFrom,
    '#deleted': deleted,
    '#actor': actor,
    '#requestId': requestId,
    ...row
  }: ObjectLiteral): Omit<Version<E>, 'changed'> {
    return { record: this.sql.hydrate<E>(row), validFrom, deleted, actor, requestId };
  }

  private get sql(): AppendOnlySql {
    return this.rows.sql as AppendOnlySql;
  }

  /** The properties that make a difference. */
  private get changing(): (keyof E & string)[] {
    return this.sql.written.all
      .filter(({ isPrimary }) => !isPrimary)
      .map(({ propertyName }) => propertyName as keyof E & string);
  }
}

const refusal = (code: string, detail: string): Cause => ({ status: 422, code, pointer: '/version', detail });
