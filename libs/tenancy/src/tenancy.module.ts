import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Readiness } from './readiness';
import { TenancyInterceptor } from './tenancy.interceptor';
import { Tenant } from './tenant.entity';
import { TenantsService } from './tenants.service';

/** Whose data a request is about, and where it lives. */
@Module({
  imports: [TypeOrmModule.forFeature([Tenant])],
  providers: [TenantsService, Readiness, { provide: APP_INTERCEPTOR, useClass: TenancyInterceptor }],
  exports: [TenantsService, Readiness],
})
export class TenancyModule {}
