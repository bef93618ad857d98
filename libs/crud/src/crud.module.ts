import { Global, Module } from '@nestjs/common';
import { TenancyModule } from '@app/tenancy';
import { Cursors } from './reading/cursors';

/** What the services and controllers of all models share. */
@Global()
@Module({ imports: [TenancyModule], providers: [Cursors], exports: [Cursors] })
export class CrudModule {}
