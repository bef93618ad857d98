import { ObjectLiteral } from 'typeorm';
import { currentScope, currentUnit, Single } from '@app/database';
import { Problem } from '../problem/problem';
import { Cursors } from './cursors';
import { OneQuery, PageQuery } from './list-query';
import { ListSql, Statement } from './list-sql';

/** Some records of a list, and where the next ones begin. */
export interface Page<E> {
  items: E[];
  nextCursor: string | null;
  /** How many records the whole list has, when that was asked. */
  total?: number;
}

/** Reads the records of one model in the running unit of work. */
export class Reader<E extends ObjectLiteral> {
  constructor(
    private readonly lists: ListSql,
    private readonly cursors: Cursors,
  ) {}

  async page(query: PageQuery): Promise<Page<E>> {
    const { limit = 50, cursor, sort, include } = query;
    if (cursor !== undefined && query.offset !== undefined) throw notBoth();
    const list = this.identityOf(query);
    const position = cursor === undefined ? undefined : await this.cursors.open(list, cursor);
    const take = limit + 1; // one more, to know whether there is more
    const rows = await this.query(this.lists.page(query, take, position), { prepare: isPlain(query) });
    const items = rows.slice(0, limit).map((row) => this.lists.hydrate<E>(row, include));
    const last = rows.length > limit ? this.lists.positionOf(items[limit - 1], sort) : undefined;
    return {
      items,
      nextCursor: last ? await this.cursors.seal(list, last) : null,
      ...(await this.totalOf(query)),
    };
  }

  async one(id: string, query: OneQuery): Promise<E | undefined> {
    const isUsual = isPlain(query);
    const [row] = await this.query(this.lists.one(id, query), { prepare: isUsual, share: isUsual });
    return row && this.lists.hydrate<E>(row, query.include);
  }

  /** Those records of `ids` that exist, in no order. */
  async some(ids: string[]): Promise<E[]> {
    const rows = await this.query(this.lists.all({ filter: [{ field: 'id', operator: 'in', values: ids }] }));
    return rows.map((row) => this.lists.hydrate<E>(row));
  }

  private async totalOf(query: PageQuery): Promise<{ total?: number }> {
    if (query.count === 'exact') {
      const [{ total }] = await this.query(this.lists.count(query));
      return { total: total as number };
    }
    if (query.count !== 'estimated') return {};
    const [{ 'QUERY PLAN': plan }] = await this.query(this.lists.estimate(query));
    return { total: (plan as [{ Plan: { 'Plan Rows': number } }])[0].Plan['Plan Rows'] };
  }

  /** What tells the list of `query` from any other: a cursor of it is good for no other. */
  private identityOf({ sort, filter, deleted, asOf }: PageQuery): string {
    return JSON.stringify([currentScope()?.tenant.id, this.lists.table, sort, filter, deleted, asOf]);
  }

  private query({ text, parameters }: Statement, how?: Single): Promise<ObjectLiteral[]> {
    return currentUnit().single(text, parameters, how);
  }
}

/** Whether the statement has the same text as most others of its kind, and is worth preparing. */
const isPlain = ({ sort, filter, fields, include, asOf }: PageQuery): boolean =>
  !(sort || filter || fields || include || asOf);

const notBoth = (): Problem =>
  Problem.of([{ status: 400, code: 'conflict', pointer: '/offset', detail: 'Give cursor or offset, not both.' }]);
