import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Require } from '@app/access';
import {
  Cursors,
  Documents,
  listFieldsOf,
  ListSql,
  Page,
  pageOf,
  pageParameters,
  type PageQuery,
  Parameters,
  Reader,
} from '@app/crud';
import { EntitySql } from '@app/database';
import { AuditEntryDto } from './audit-entry.dto';
import { AuditEntry } from './audit-entry.entity';

const fields = listFieldsOf(AuditEntry, AuditEntryDto, {
  sort: ['id'],
  filter: ['rowId', 'table', 'actor', 'requestId', 'operation', 'at'],
});
const pageQuery = new Parameters(
  pageParameters(fields).filter(({ name }) => !['sort', 'fields', 'offset'].includes(name)),
);
const NEWEST_FIRST = [{ field: 'id', descending: true }];

/** Who changed what in the tenant; for its owners. */
@Require(':manage')
@ApiTags('Audit')
@Controller('audit')
export class AuditController {
  private made?: Reader<AuditEntry>;

  constructor(
    @InjectRepository(AuditEntry) private readonly entries: Repository<AuditEntry>,
    private readonly cursors: Cursors,
  ) {}

  @Get()
  @Documents('Read who changed what, the latest first', { 200: pageOf(AuditEntryDto) }, [400])
  @pageQuery.documented()
  readPage(@Query(pageQuery) query: PageQuery = {}): Promise<Page<AuditEntryDto>> {
    return this.reader.page({ ...query, sort: NEWEST_FIRST });
  }

  /** The metadata of entities is not there before the connection is. */
  private get reader(): Reader<AuditEntry> {
    return (this.made ??= new Reader(new ListSql(new EntitySql(this.entries.metadata)), this.cursors));
  }
}
