import { DynamicModule, Global, Module } from '@nestjs/common';
import { Settings } from './settings';

/** Gives every room the settings this process was started with. */
@Global()
@Module({})
export class ConfigModule {
  static with(settings: Settings): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: Settings, useValue: settings }], exports: [Settings] };
  }
}
