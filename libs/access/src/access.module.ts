import { Module, OnModuleInit } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants';
import { APP_GUARD, DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { AccessGuard } from './access.guard';
import { accessOf } from './route-access';

/** The guard before every route; whoever imports it provides the Authenticator. A route that says nothing stops the start. */
@Module({ imports: [DiscoveryModule], providers: [{ provide: APP_GUARD, useClass: AccessGuard }] })
export class AccessModule implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onModuleInit(): void {
    const silent = this.discovery.getControllers().flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const { prototype } = metatype as { prototype: Record<string, (...args: never[]) => unknown> };
      return this.scanner
        .getAllMethodNames(prototype)
        .filter((name) => Reflect.hasMetadata(METHOD_METADATA, prototype[name]))
        .filter((name) => !accessOf(metatype as never, prototype[name]))
        .map((name) => `${metatype.name}.${name}`);
    });
    if (!silent.length) return;
    throw new Error(
      `Nothing says who may call ${silent.join(', ')}: put @Require('…:read'), with the permission it asks for, or @Public() above it.`,
    );
  }
}
