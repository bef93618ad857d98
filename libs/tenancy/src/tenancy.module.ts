import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Key } from './key.entity';
import { KeysService } from './keys.service';
import { Readiness } from './readiness';
import { TenancyInterceptor } from './tenancy.interceptor';
import { Tenant } from './tenant.entity';
import { TenantsService } from './tenants.service';

/** Whose data a request is about, and where it lives. */
@Module({
  imports: [TypeOrmModule.forFeature([Tenant, Key])],
  providers: [TenantsService, KeysService, Readiness, { provide: APP_INTERCEPTOR, useClass: TenancyInterceptor }],
  exports: [TenantsService, KeysService, Readiness],
})
export class TenancyModule {}
