import { Global, Module } from '@nestjs/common';
import { TenancyModule } from '@app/tenancy';
import { SweepAnswers } from './idempotency/sweep-answers.job';
import { Cursors } from './reading/cursors';

/** What the services and controllers of all models share. */
@Global()
@Module({ imports: [TenancyModule], providers: [Cursors, SweepAnswers], exports: [Cursors] })
export class CrudModule {}
