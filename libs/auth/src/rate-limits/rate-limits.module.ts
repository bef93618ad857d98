import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ExactLimits } from './exact-limits';
import { RateLimit } from './rate-limit.entity';
import { RateLimitGuard } from './rate-limit.guard';
import { SharedCounts } from './shared-counts';

/** How often anybody may do anything. Its guard needs to come after the one that says who it is. */
@Module({
  imports: [TypeOrmModule.forFeature([RateLimit])],
  providers: [ExactLimits, SharedCounts, { provide: APP_GUARD, useClass: RateLimitGuard }],
  exports: [ExactLimits],
})
export class RateLimitsModule {}
