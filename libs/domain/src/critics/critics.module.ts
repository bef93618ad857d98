import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Critic } from './critic.entity';
import { CriticsController } from './critics.controller';
import { CriticsService } from './critics.service';

@Module({
  imports: [TypeOrmModule.forFeature([Critic])],
  controllers: [CriticsController],
  providers: [CriticsService],
  exports: [CriticsService],
})
export class CriticsModule {}
