import { deleteTenant } from '@app/tenancy';
import { say, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nameAnd } from './arguments';

export const deletion: TenantCommand = {
  takes: 'NAME --yes',
  help: 'delete a tenant and all its data, for ever',
  run: async (args) => {
    const { name, yes } = nameAnd(args, { yes: { type: 'boolean' } });
    if (!yes) {
      throw new Error(
        `This deletes all data of the tenant ${name}, for ever. Keep them with: npm run cli -- tenants export ${name} --file ${name}.ndjson\n` +
          `If you mean it, type: npm run cli -- tenants delete ${name} --yes`,
      );
    }
    await withDatabase((database) => deleteTenant(database, name));
    say(`Deleted the tenant ${name}.`);
  },
};
