import { DynamicModule, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TenancyModule } from '@app/tenancy';
import { Handlers } from './handlers';
import { JobsController } from './jobs.controller';
import { Jobs } from './jobs.service';
import { Worker } from './worker';

/** Work that is done later. */
@Module({
  imports: [DiscoveryModule, TenancyModule],
  controllers: [JobsController],
  providers: [Handlers, Jobs],
  exports: [Jobs],
})
export class JobsModule {
  /** For a process that leaves jobs and, if it `works`, does them. */
  static on(works: boolean): DynamicModule {
    const workers = works ? [Worker] : [];
    return { module: JobsModule, global: true, providers: workers, exports: workers };
  }
}
