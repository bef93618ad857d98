import { listTenants } from '@app/tenancy';
import { say, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nothing } from './arguments';
import { columns } from './columns';

export const list: TenantCommand = {
  takes: '',
  help: 'show every tenant: name, title, status, cluster',
  run: async (args) => {
    nothing(args);
    const tenants = await withDatabase(listTenants);
    const rows = tenants.map(({ name, title, status, cluster }) => [name, title, status, cluster]);
    for (const line of columns([['NAME', 'TITLE', 'STATUS', 'CLUSTER'], ...rows])) say(line);
  },
};
