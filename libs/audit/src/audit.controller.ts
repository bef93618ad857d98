import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Require } from '@app/access';
import { Cursors, Documents, LogReader, logParameters, Page, pageOf, type PageQuery } from '@app/crud';
import { AuditEntryDto } from './audit-entry.dto';
import { AuditEntry } from './audit-entry.entity';

const filter = ['rowId', 'table', 'actor', 'requestId', 'operation', 'at'] as const;
const pageQuery = logParameters(AuditEntry, AuditEntryDto, [...filter]);

/** Who changed what in the tenant; for its owners. */
@Require(':manage')
@ApiTags('Audit')
@Controller('audit')
export class AuditController {
  private readonly log: LogReader<AuditEntry>;

  constructor(@InjectRepository(AuditEntry) entries: Repository<AuditEntry>, cursors: Cursors) {
    this.log = new LogReader(entries, cursors);
  }

  @Get()
  @Documents('Read who changed what, the latest first', { 200: pageOf(AuditEntryDto) }, [400])
  @pageQuery.documented()
  readPage(@Query(pageQuery) query: PageQuery = {}): Promise<Page<AuditEntryDto>> {
    return this.log.page(query);
  }
}
