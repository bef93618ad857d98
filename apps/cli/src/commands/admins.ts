import { isEmail } from 'class-validator';
import { dismissAdministrator, makeAdministrator } from '@app/auth';
import { Settings } from '@app/config';
import { say, withDatabase } from '../with-database';
import type { Command } from '.';

type Act = (email: string) => Promise<void>;

const create: Act = async (email) => {
  const settings = Settings.ofThisProcess();
  const link = await withDatabase((database) => makeAdministrator(database, settings, email));
  say(`${email} administers the platform. To choose a password, follow this link within an hour:\n${link}`);
};

const remove: Act = async (email) => {
  await withDatabase((database) => dismissAdministrator(database, email));
  say(`${email} administers the platform no more. The login stays, and so do its tenants.`);
};

const Acts: Record<string, Act | undefined> = { create, remove };

export const admins: Command = {
  help: 'create EMAIL: let a login administer all tenants; prints the link to choose its password with. remove EMAIL: no more',
  run: async ([name = '', email = '']) => {
    const act = Object.hasOwn(Acts, name) ? Acts[name] : undefined;
    if (!act || !isEmail(email)) throw new Error('Type npm run cli -- admins create EMAIL, or admins remove EMAIL.');
    await act(email);
  },
};
