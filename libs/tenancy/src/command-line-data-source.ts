import { DataSource, MigrationExecutor } from 'typeorm';
import { Settings } from '@app/config';
import { Database, ensureRoles, migrationOptions, MigrationSets, openDatabase } from '@app/database';
import { MigratedSchema, noteMigratedTo, tenantSchema } from './schemas';
import { DEMO_TENANT } from './tenant.entity';

/** What the TypeORM CLI is given: it finds the database by the settings, and connects as the owner of one schema. */
export class CommandLineDataSource extends DataSource {
  private database?: Database;
  private target?: MigratedSchema;

  constructor(private readonly sets: MigrationSets) {
    super({ type: 'postgres' });
  }

  override async initialize(): Promise<this> {
    const settings = Settings.ofThisProcess();
    this.database = await openDatabase(settings, this.sets, (line) => process.stderr.write(`${line}\n`));
    try {
      await ensureRoles(this.database);
      this.target = await schemaToMigrate(this.database, settings);
      this.setOptions(migrationOptions(this.database, this.target.kind, this.target.schema));
      return await super.initialize();
    } catch (error) {
      await this.database.release();
      throw error;
    }
  }

  /** What was run or reverted by hand is noted in the registry, which every boot believes. */
  override async destroy(): Promise<void> {
    if (this.isInitialized && this.target?.kind === 'tenant') {
      const [newest] = (await new MigrationExecutor(this).getExecutedMigrations())
        .map(({ timestamp }) => timestamp)
        .toSorted((a, b) => b - a);
      await noteMigratedTo(this.database!, this.target.name, newest ?? 0);
    }
    await super.destroy();
    await this.database?.release();
  }
}

async function schemaToMigrate(
  database: Database,
  { migrationSet, migrationTenant }: Settings,
): Promise<MigratedSchema> {
  if (migrationSet === 'tenant') return tenantSchema(database, migrationTenant ?? DEMO_TENANT);
  return { kind: 'platform', name: 'platform', schema: database.names.platform };
}
