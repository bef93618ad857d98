import { Module } from '@nestjs/common';
import { AuthModule } from '@app/auth';
import { TenancyModule } from '@app/tenancy';
import { MigrationsController } from './migrations.controller';
import { StandingsService } from './standings.service';
import { TenantsController } from './tenants.controller';

/** What concerns all tenants. */
@Module({
  imports: [TenancyModule, AuthModule],
  controllers: [TenantsController, MigrationsController],
  providers: [StandingsService],
})
export class PlatformModule {}
