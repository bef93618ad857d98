import { Controller, Get, OnModuleDestroy, ServiceUnavailableException } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '@app/access';
import { Readiness } from '@app/tenancy';

/** Whether this process lives, and whether it should be sent requests. */
@Public()
@ApiTags('Health')
@Controller('health')
export class HealthController implements OnModuleDestroy {
  private isDraining = false;

  constructor(private readonly readiness: Readiness) {}

  @Get('live')
  @ApiOperation({ summary: 'Is the process up?' })
  live(): { status: string } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Should it be sent requests?' })
  async ready(): Promise<{ status: string }> {
    const obstacle = this.isDraining ? 'This process is stopping.' : await this.readiness.obstacle();
    if (obstacle) throw new ServiceUnavailableException({ code: 'not_ready', message: obstacle });
    return { status: 'ready' };
  }

  onModuleDestroy(): void {
    this.isDraining = true;
  }
}
