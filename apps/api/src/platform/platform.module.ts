import { Module } from '@nestjs/common';
import { TenancyModule } from '@app/tenancy';
import { MigrationsController } from './migrations.controller';
import { StandingsService } from './standings.service';
import { TenantsController } from './tenants.controller';

/** What concerns all tenants. */
@Module({
  imports: [TenancyModule],
  controllers: [TenantsController, MigrationsController],
  providers: [StandingsService],
})
export class PlatformModule {}
