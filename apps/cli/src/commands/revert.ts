import { parseArgs } from 'node:util';
import { MigrationExecutor } from 'typeorm';
import { Database, withDataSource, withMigrationLock } from '@app/database';
import { allSchemas, MigratedSchema, noteMigratedTo, tenantSchema } from '@app/tenancy';
import { say, withDatabase } from '../with-database';
import type { Command } from '.';

const USAGE = 'Say what to revert: --tenant NAME, --tenant all, or --platform.';

export const revert: Command = {
  help: 'undo the last migration of --tenant NAME|all, or of --platform',
  run: (args) => {
    const { tenant, platform } = parseArgs({
      args,
      options: { tenant: { type: 'string' }, platform: { type: 'boolean' } },
    }).values;
    if (!tenant === !platform) throw new Error(USAGE);
    return withDatabase((database) =>
      withMigrationLock(database, say, async () => {
        for (const schema of await chosen(database, tenant)) await revertLast(database, schema);
      }),
    );
  },
};

async function chosen(database: Database, tenant: string | undefined): Promise<MigratedSchema[]> {
  if (tenant && tenant !== 'all') return [await tenantSchema(database, tenant)];
  return (await allSchemas(database)).filter(({ kind }) => kind === (tenant ? 'tenant' : 'platform'));
}

async function revertLast(database: Database, { kind, name, schema }: MigratedSchema): Promise<void> {
  await withDataSource(database, kind, schema, async (dataSource) => {
    const executor = new MigrationExecutor(dataSource);
    const [last, before] = (await executor.getExecutedMigrations()).toSorted((a, b) => b.timestamp - a.timestamp);
    if (!last) return say(`${name}: nothing to revert.`);
    await dataSource.undoLastMigration({ transaction: 'each' });
    if (kind === 'tenant') await noteMigratedTo(database, name, before?.timestamp ?? 0);
    say(`${name}: reverted ${last.name}.`);
  });
}
