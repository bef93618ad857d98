import type { Type } from '@nestjs/common';
import { ObjectLiteral, Repository } from 'typeorm';
import { EntitySql } from '@app/database';
import { Cursors } from './cursors';
import { listFieldsOf } from './list-fields';
import { pageParameters } from './list-parameters';
import { PageQuery } from './list-query';
import { ListSql } from './list-sql';
import { Parameters } from './parameters';
import { Page, Reader } from './reader';

const NEWEST_FIRST = [{ field: 'id', descending: true }];

/** Reads the entries of a log, whose ids count up, the latest first. */
export class LogReader<E extends ObjectLiteral> {
  private made?: Reader<E>;

  constructor(
    private readonly entries: Repository<E>,
    private readonly cursors: Cursors,
  ) {}

  page(query: PageQuery): Promise<Page<E>> {
    this.made ??= new Reader(new ListSql(new EntitySql(this.entries.metadata)), this.cursors); // there is no metadata earlier
    return this.made.page({ ...query, sort: NEWEST_FIRST });
  }
}

/** The parameters of a route that reads a log, which can be filtered by some of its fields. */
export function logParameters<R>(Entity: Type<unknown>, read: Type<R>, filter: (keyof R & string)[]): Parameters {
  const fields = listFieldsOf(Entity, read, { sort: ['id' as keyof R & string], filter });
  return new Parameters(pageParameters(fields).filter(({ name }) => !['sort', 'fields', 'offset'].includes(name)));
}
