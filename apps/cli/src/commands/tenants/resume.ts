import { resumeTenant } from '@app/tenancy';
import { say, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nameAnd } from './arguments';

export const resume: TenantCommand = {
  takes: 'NAME',
  help: 'let a suspended tenant in again',
  run: async (args) => {
    const { name } = nameAnd(args, {});
    await withDatabase((database) => resumeTenant(database, name));
    say(`Resumed the tenant ${name}.`);
  },
};
