import { suspendTenant } from '@app/tenancy';
import { say, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nameAnd } from './arguments';

export const suspend: TenantCommand = {
  takes: 'NAME',
  help: 'shut a tenant out, and keep its data',
  run: async (args) => {
    const { name } = nameAnd(args, {});
    await withDatabase((database) => suspendTenant(database, name));
    say(`Suspended the tenant ${name}.`);
  },
};
