import { migrate } from '../migrate';
import type { TenantCommand } from '.';
import { nothing } from './arguments';

export const migrateTenants: TenantCommand = {
  takes: '',
  help: 'bring the platform and every tenant up to date, as "migrate" does',
  run: async (args) => {
    nothing(args);
    await migrate.run([]);
  },
};
