import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TenancyModule } from '@app/tenancy';
import { Cursors } from './reading/cursors';
import { Sweep } from './sweep.job';
import { ImportFile } from './transfer/later/import-file.job';
import { ImportLater } from './transfer/later/import-later';

/** What the services and controllers of all models share. */
@Global()
@Module({
  imports: [DiscoveryModule, TenancyModule],
  providers: [Cursors, ImportFile, ImportLater, Sweep],
  exports: [Cursors, ImportLater],
})
export class CrudModule {}
