import { DynamicModule, Module } from '@nestjs/common';
import { AppendOnlyModule } from '@app/append-only';
import { AuditModule } from '@app/audit';
import { ErasureModule } from '@app/erasure';
import { AuthModule } from '@app/auth';
import { ConfigModule, Settings } from '@app/config';
import { CrudModule } from '@app/crud';
import { Database, DatabaseModule } from '@app/database';
import { DomainModule } from '@app/domain';
import { JobsModule } from '@app/jobs';
import { TelemetryModule } from '@app/observability';
import { TenancyModule } from '@app/tenancy';
import { HealthController } from './health.controller';
import { Drain } from './http/drain';
import { AccountController } from './pages/account.controller';
import { LandingController } from './pages/landing.controller';
import { PlatformModule } from './platform/platform.module';

/** The table of contents of the API. */
@Module({})
export class ApiModule {
  static on(settings: Settings, database: Database): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        ConfigModule.with(settings),
        TelemetryModule,
        DatabaseModule.on(database),
        TenancyModule,
        JobsModule.on(settings.works),
        AuthModule.on(settings),
        CrudModule,
        AppendOnlyModule,
        AuditModule,
        ErasureModule,
        DomainModule,
        PlatformModule,
      ],
      controllers: [LandingController, AccountController, HealthController],
      providers: [Drain],
    };
  }
}
