import { postgresError } from '@app/database';
import type { Command } from '..';
import { columns } from './columns';
import { create } from './create';
import { deletion } from './delete';
import { exportation } from './export';
import { importation } from './import';
import { list } from './list';
import { migrateTenants } from './migrate';
import { resume } from './resume';
import { status } from './status';
import { suspend } from './suspend';

/** What can be done with a tenant by hand. */
export interface TenantCommand extends Command {
  /** What is typed after its name. */
  takes: string;
}

const TenantCommands: Record<string, TenantCommand | undefined> = {
  create,
  list,
  status,
  suspend,
  resume,
  delete: deletion,
  export: exportation,
  import: importation,
  migrate: migrateTenants,
};

export const tenants: Command = {
  help: 'make, list, suspend, resume, delete, export, import and migrate tenants',
  run: async ([name = '', ...args]) => {
    const command = Object.hasOwn(TenantCommands, name) ? TenantCommands[name] : undefined;
    if (!command) throw new Error(usage());
    try {
      await command.run(args);
    } catch (error) {
      if (!['42P01', '42703'].includes(postgresError(error)?.code ?? '')) throw error;
      throw new Error('There is no registry of tenants for this release yet: type npm run cli -- migrate first.', {
        cause: error,
      });
    }
  },
};

const usage = (): string =>
  [
    'Usage: npm run cli -- tenants COMMAND',
    ...columns(Object.entries(TenantCommands).map(([name, command]) => [`  ${name} ${command!.takes}`, command!.help])),
  ].join('\n');
