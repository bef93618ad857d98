import { Module } from '@nestjs/common';
import { Proof } from './proof';

/** Models of which nothing is ever lost. */
@Module({ providers: [Proof] })
export class AppendOnlyModule {}
