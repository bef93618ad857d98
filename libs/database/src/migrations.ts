import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { DataSource, DataSourceOptions, MigrationExecutor, QueryRunner } from 'typeorm';
import { Announce, Database } from './database';
import { isRetryable, postgresError } from './database-errors';
import { InstalledDataSource } from './installed-data-source';
import { SnakeNaming } from './snake-naming';
import { silentTypeOrmLogger } from './typeorm-logger';

const LOCK_TIMEOUT = '3s'; // a migration that waits for a table makes everyone behind it wait too: give up and come back
const LOCK_ATTEMPTS = 10;

/** Entities and migrations that belong to one kind of schema, as file globs. */
export interface MigrationSet {
  entities: string[];
  migrations: string[];
}

/** What the platform's schema consists of, what each tenant's does, and who looks after schemas that a library defines. */
export interface MigrationSets {
  platform: MigrationSet;
  tenant: MigrationSet;
  libraries?: ((database: Database, announce: Announce) => Promise<void>)[];
}

/** The two kinds of schemas that our own migrations make. */
export type SchemaKind = 'platform' | 'tenant';

/** TypeORM's options for changing `schema` by migrations, as the owner of all schemas. */
export function migrationOptions(database: Database, kind: SchemaKind, schema: string): DataSourceOptions {
  const asOwner = database.hasRoles ? ` -c role=${database.names.owner}` : '';
  return {
    ...database.sets[kind],
    type: 'postgres',
    url: database.adminUrl,
    applicationName: 'starter migrations',
    schema,
    namingStrategy: new SnakeNaming(),
    migrationsTransactionMode: 'each',
    installExtensions: false,
    poolSize: 2,
    extra: { options: `-c search_path=${schema} -c lock_timeout=${LOCK_TIMEOUT}${asOwner}` },
  };
}

/** Runs the pending migrations of one schema, each in its own transaction. Returns the names of those it ran. */
export async function runMigrations(database: Database, kind: SchemaKind, schema: string): Promise<string[]> {
  return withDataSource(database, kind, schema, (dataSource) =>
    whileTablesAreBusy(async () => (await dataSource.runMigrations()).map(({ name }) => name)),
  );
}

/**
 * Runs all migrations in the transaction that `runner` is in, on a schema nobody uses yet. Nothing can be built
 * CONCURRENTLY in a transaction, nor need it be on empty tables, so that word is left out.
 */
export async function runMigrationsInside(dataSource: DataSource, runner: QueryRunner): Promise<void> {
  const query = runner.query.bind(runner) as (text: string, ...rest: unknown[]) => Promise<any>;
  runner.query = (text: string, ...rest: unknown[]) => query(text.replace(/\bCONCURRENTLY\b/gi, ''), ...rest);
  const executor = new MigrationExecutor(dataSource, runner);
  executor.transaction = 'none'; // ours is running already, and a migration's own wish is refused under 'all'
  try {
    await executor.executePendingMigrations();
  } finally {
    runner.query = query;
  }
}

/** The names of a set's migrations, oldest first, such as 1763800100000-create-book. */
export const migrationNames = ({ migrations }: MigrationSet): string[] =>
  globSync(migrations)
    .map((file) => basename(file).replace(/\.[jt]s$/, ''))
    .toSorted();

/** The timestamp of the newest migration of a set, which a schema must have reached; files are called TIMESTAMP-what-it-does. */
export const newestMigration = ({ migrations }: MigrationSet): number =>
  Math.max(0, ...globSync(migrations).map((file) => Number.parseInt(basename(file), 10)));

/** A data source that changes `schema` by the migrations of `kind`, as the owner of all schemas. Not connected yet. */
export const migrationDataSource = (database: Database, kind: SchemaKind, schema: string): DataSource =>
  new MigrationDataSource(
    { ...migrationOptions(database, kind, schema), logger: silentTypeOrmLogger },
    database.names.prefix,
  );

/**
 * What is built CONCURRENTLY waits for older transactions, such as a long export, and makes nobody wait meanwhile; giving
 * up would leave half an index behind, which stands in the way of the next attempt.
 */
class MigrationDataSource extends InstalledDataSource {
  override createQueryRunner(...args: Parameters<DataSource['createQueryRunner']>): QueryRunner {
    const runner = super.createQueryRunner(...args);
    const query = runner.query.bind(runner) as (text: string, ...rest: unknown[]) => Promise<any>;
    runner.query = async (text: string, ...rest: unknown[]) => {
      if (!/\bCONCURRENTLY\b/i.test(text)) return query(text, ...rest);
      await query('SET lock_timeout = 0');
      try {
        return await query(text, ...rest);
      } finally {
        await query('RESET lock_timeout');
      }
    };
    return runner;
  }
}

/** Such a data source, connected, for as long as `work` runs. */
export async function withDataSource<T>(
  database: Database,
  kind: SchemaKind,
  schema: string,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const dataSource = migrationDataSource(database, kind, schema);
  await dataSource.initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function whileTablesAreBusy<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === LOCK_ATTEMPTS || !(postgresError(error)?.code === '55P03' || isRetryable(error))) throw error;
      await wait(500 + Math.random() * 500);
    }
  }
}
