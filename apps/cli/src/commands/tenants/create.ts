import { listTenants, provisionTenant, TenantConflict } from '@app/tenancy';
import { say, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nameAnd } from './arguments';

export const create: TenantCommand = {
  takes: 'NAME [--title TITLE]',
  help: 'make a tenant, or complete one that is half made',
  run: async (args) => {
    const { name, title } = nameAnd(args, { title: { type: 'string' } });
    await withDatabase(async (database) => {
      const known = (await listTenants(database)).find((tenant) => tenant.name === name);
      if (known && known.status !== 'provisioning')
        throw new TenantConflict(`There is already a tenant called ${name}.`);
      await provisionTenant(database, name, title);
      say(`Made the tenant ${name}.`);
    });
  },
};
