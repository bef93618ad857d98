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
import { HealthServer } from './health-server';

/** The table of contents of the worker: what has jobs. Its controllers are there too, and nothing listens for them. */
@Module({})
export class WorkerModule {
  static on(settings: Settings, database: Database): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        ConfigModule.with(settings),
        TelemetryModule,
        DatabaseModule.on(database),
        TenancyModule,
        JobsModule.on(true),
        AuthModule.on(settings),
        CrudModule,
        AppendOnlyModule,
        AuditModule,
        ErasureModule,
        DomainModule,
      ],
      providers: [HealthServer],
    };
  }
}
