import { join } from 'node:path';
import { MigrationSets } from '@app/database';
import { migrateJobs } from '@app/jobs';
import { CommandLineDataSource } from '@app/tenancy';

const files = (glob: string): string[] => [join(__dirname, `libs/${glob}.{ts,js}`)];

/** Where entities and migrations are found: read by the bootstrap and, through the default export, by the TypeORM CLI. */
export const migrationSets: MigrationSets = {
  libraries: [migrateJobs],
  platform: {
    entities: [...files('tenancy/src/*.entity'), ...files('auth/src/*/*.entity')],
    migrations: [...files('tenancy/src/migrations/*'), ...files('auth/src/migrations/*')],
  },
  tenant: {
    entities: [...files('audit/src/*.entity'), ...files('erasure/src/*.entity'), ...files('domain/src/*/*.entity')],
    migrations: [
      ...files('crud/src/migrations/*'),
      ...files('append-only/src/migrations/*'),
      ...files('audit/src/migrations/*'),
      ...files('erasure/src/migrations/*'),
      ...files('domain/src/migrations/*'),
    ],
  },
};

/** What the TypeORM CLI works on: MIGRATION_SET=platform|tenant chooses, and for tenants MIGRATION_TENANT says which. */
export default new CommandLineDataSource(migrationSets);
