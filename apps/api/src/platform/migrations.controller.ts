import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Require, WithoutTenant } from '@app/access';
import { ADMINISTER } from '@app/auth';
import { MigrationsDto } from './platform.dto';
import { StandingsService } from './standings.service';

/** Who stands where, for those who administer the platform. */
@Require(ADMINISTER)
@WithoutTenant()
@ApiTags('Platform')
@Controller('platform/migrations')
export class MigrationsController {
  constructor(private readonly standings: StandingsService) {}

  @Get()
  @ApiOperation({ summary: 'See which schemas lack migrations of this release' })
  @ApiOkResponse({ type: MigrationsDto })
  read(): Promise<MigrationsDto> {
    return this.standings.read();
  }
}
