import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '@app/access';
import { Jobs } from '@app/jobs';
import { Readiness } from '@app/tenancy';
import { Drain } from './http/drain';

/** Whether this process lives, and whether it should be sent requests. */
@Public()
@ApiTags('Health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly jobs: Jobs,
    private readonly drain: Drain,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'Is the process up?' })
  live(): { status: string } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Should it be sent requests?' })
  async ready(): Promise<{ status: string }> {
    const obstacle = this.drain.isDraining
      ? 'This process is stopping.'
      : ((await this.readiness.obstacle()) ?? (await this.jobs.obstacle()));
    if (obstacle) throw new ServiceUnavailableException({ code: 'not_ready', message: obstacle });
    return { status: 'ready' };
  }
}
