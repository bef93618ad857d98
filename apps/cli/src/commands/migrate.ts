import { migrateAll } from '@app/tenancy';
import { withProgress } from '../progress';
import { withDatabase } from '../with-database';
import type { Command } from '.';

export const migrate: Command = {
  help: 'bring the platform and every tenant up to date, as every boot does',
  run: () =>
    withDatabase((database) =>
      withProgress('tenants migrated', ({ say, follow }) => migrateAll(database, say, follow)),
    ),
};
