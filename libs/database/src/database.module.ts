import { DynamicModule, Global, Inject, Module, OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, DataSourceOptions } from 'typeorm';
import { Settings } from '@app/config';
import { createTypeOrmLogger } from './typeorm-logger';
import type { Database } from './database';
import { ScopedDataSource } from './scoped-data-source';
import { SnakeNaming } from './snake-naming';
import { pgWithTenantPool } from './tenant-pool';
import { UnitOfWork } from './unit-of-work';

export const DATABASE = Symbol('database');

/** The pool of connections, the repositories that follow the running unit of work, and the unit of work itself. */
@Global()
@Module({ providers: [UnitOfWork], exports: [UnitOfWork] })
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  static on(database: Database): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [Settings],
          useFactory: (settings: Settings) => ({
            ...options(database, settings),
            autoLoadEntities: true,
            retryAttempts: 0,
          }),
          dataSourceFactory: async (given) => new ScopedDataSource(given!, database.names.prefix),
        }),
      ],
      providers: [{ provide: DATABASE, useValue: database }],
      exports: [DATABASE],
    };
  }

  /** The pool first: an embedded server that stops under it would be taken for a fault. */
  async onApplicationShutdown(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
    await this.database.release();
  }
}

const options = (database: Database, settings: Settings): DataSourceOptions => ({
  type: 'postgres',
  url: database.appUrl,
  driver: pgWithTenantPool,
  namingStrategy: new SnakeNaming(),
  installExtensions: false,
  applicationName: 'starter',
  poolSize: settings.databasePoolSize,
  connectTimeoutMS: 5_000,
  extra: { keepAlive: true }, // a server that vanished without a word is noticed
  logger: createTypeOrmLogger(),
});
