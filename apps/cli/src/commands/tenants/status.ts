import { migrationNames } from '@app/database';
import { listTenants, RegisteredTenant } from '@app/tenancy';
import { say, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nothing } from './arguments';
import { columns } from './columns';

export const status: TenantCommand = {
  takes: '',
  help: 'show which migration every tenant stands at, and what went wrong',
  run: async (args) => {
    nothing(args);
    await withDatabase(async (database) => {
      const migrations = migrationNames(database.sets.tenant);
      say(`Newest migration: ${migrations.at(-1) ?? 'none'}.`);
      const rows = (await listTenants(database)).map((tenant) => [
        tenant.name,
        tenant.status,
        ...standing(tenant, migrations),
        tenant.error?.replaceAll(/\s+/g, ' ') ?? '', // one line each
      ]);
      for (const line of columns([['NAME', 'STATUS', 'MIGRATED TO', 'BEHIND', 'ERROR'], ...rows])) say(line);
    });
  },
};

/** The migration a tenant stands at, and how many of this release's it lacks. */
function standing({ migratedTo }: RegisteredTenant, migrations: string[]): string[] {
  const at = migrations.find((name) => Number.parseInt(name, 10) === migratedTo);
  const behind = migrations.filter((name) => Number.parseInt(name, 10) > migratedTo).length;
  return [at ?? (migratedTo ? String(migratedTo) : 'nothing'), String(behind)];
}
