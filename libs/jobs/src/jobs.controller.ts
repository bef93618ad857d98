import { Controller, Get, NotFoundException, Param, ParseUUIDPipe } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Require } from '@app/access';
import { JobDto } from './job.dto';
import { Jobs } from './jobs.service';

/** What has become of the jobs of the tenant. */
@Require('jobs:read')
@ApiTags('Jobs')
@Controller('jobs')
export class JobsController {
  constructor(private readonly jobs: Jobs) {}

  @Get(':id')
  @ApiOperation({ summary: 'See how far a job is, and what came of it' })
  @ApiOkResponse({ type: JobDto })
  async readOne(@Param('id', ParseUUIDPipe) id: string): Promise<JobDto> {
    const job = await this.jobs.find(id);
    if (!job) throw new NotFoundException({ code: 'not_found', message: `There is no job ${id}.` });
    return job;
  }
}
