import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Require } from '@app/access';
import { Cursors, Documents, LogReader, logParameters, Page, pageOf, type PageQuery } from '@app/crud';
import { ErasureDto } from './erasure.dto';
import { Erasure } from './erasure.entity';

const pageQuery = logParameters(Erasure, ErasureDto, ['rowId', 'table', 'actor', 'requestId', 'at']);

/** What was erased in the tenant, and why; for its owners. */
@Require(':manage')
@ApiTags('Erasures')
@Controller('erasures')
export class ErasuresController {
  private readonly log: LogReader<Erasure>;

  constructor(@InjectRepository(Erasure) erasures: Repository<Erasure>, cursors: Cursors) {
    this.log = new LogReader(erasures, cursors);
  }

  @Get()
  @Documents('Read what was erased, and why, the latest first', { 200: pageOf(ErasureDto) }, [400])
  @pageQuery.documented()
  readPage(@Query(pageQuery) query: PageQuery = {}): Promise<Page<ErasureDto>> {
    return this.log.page(query);
  }
}
