import { isEmail } from 'class-validator';
import { makeAdministrator } from '@app/auth';
import { Settings } from '@app/config';
import { say, withDatabase } from '../with-database';
import type { Command } from '.';

export const admins: Command = {
  help: 'create EMAIL: let a login administer all tenants; prints the link to choose its password with',
  run: async ([act, email = '']) => {
    if (act !== 'create' || !isEmail(email)) throw new Error('Type npm run cli -- admins create EMAIL.');
    const settings = Settings.ofThisProcess();
    const link = await withDatabase((database) => makeAdministrator(database, settings, email));
    say(`${email} administers the platform. To choose a password, follow this link within an hour:\n${link}`);
  },
};
