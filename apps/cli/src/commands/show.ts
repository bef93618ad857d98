import { MigrationExecutor } from 'typeorm';
import { withDataSource } from '@app/database';
import { allSchemas } from '@app/tenancy';
import { say, withDatabase } from '../with-database';
import type { Command } from '.';

export const show: Command = {
  help: 'list the migrations of the platform and of each tenant, [X] where they have run',
  run: () =>
    withDatabase(async (database) => {
      for (const { kind, name, schema } of await allSchemas(database)) {
        say(name);
        await withDataSource(database, kind, schema, async (dataSource) => {
          const executor = new MigrationExecutor(dataSource);
          const executed = (await executor.getExecutedMigrations()).toSorted((a, b) => a.timestamp - b.timestamp);
          for (const migration of executed) say(`  [X] ${migration.name}`);
          for (const migration of await executor.getPendingMigrations()) say(`  [ ] ${migration.name}`);
        });
      }
    }),
};
