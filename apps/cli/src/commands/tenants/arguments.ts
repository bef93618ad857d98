import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The one tenant a command is about, and what else was typed. Throws what to type when it is not one name. */
export function nameAnd<const O extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: O) {
  const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
  if (positionals.length !== 1) throw new Error('Name the tenant, such as acme, and only one.');
  return { name: positionals[0], ...values };
}

/** Refuses whatever was typed. */
export const nothing = (args: string[]): void => void parseArgs({ args, options: {} });
