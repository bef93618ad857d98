import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Eraser } from './eraser';
import { Erasure } from './erasure.entity';
import { ErasuresController } from './erasures.controller';
import { Proof } from './proof';

/** What the tenant may be asked to forget. */
@Global() // any model's controller may be Erasable
@Module({
  imports: [TypeOrmModule.forFeature([Erasure])],
  controllers: [ErasuresController],
  providers: [Eraser, Proof],
  exports: [Eraser],
})
export class ErasureModule {}
