import { admins } from './admins';
import { check } from './check';
import { erase } from './erase';
import { generate } from './generate';
import { jobs } from './jobs';
import { migrate } from './migrate';
import { openapi } from './openapi';
import { revert } from './revert';
import { show } from './show';
import { tenants } from './tenants';

/** Something that is done by hand. */
export interface Command {
  /** What it does, in a line. */
  help: string;
  run(args: string[]): Promise<void>;
}

export const Commands: Record<string, Command | undefined> = {
  migrate,
  'migration:generate': generate,
  'migration:revert': revert,
  'migration:show': show,
  'migration:check': check,
  admins,
  jobs,
  tenants,
  erase,
  openapi,
};

/** The commands there are, for someone who named none of them. */
export const usage = (): string =>
  [
    'Usage: npm run cli -- COMMAND',
    ...Object.entries(Commands).map(([name, command]) => `  ${name.padEnd(20)}${command?.help}`),
  ].join('\n');
