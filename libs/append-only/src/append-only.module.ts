import { Module } from '@nestjs/common';
import { Proof } from './proof';

/** Models that keep every version of a record. */
@Module({ providers: [Proof] })
export class AppendOnlyModule {}
