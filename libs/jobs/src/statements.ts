import type { Db } from 'pg-boss';
import { currentScope, currentUnit } from '@app/database';

/** pg-boss's statements by way of `query`. */
export const through = (query: (text: string, values: unknown[]) => Promise<any[]>): Db => ({
  executeSql: async (text, values = []) => ({ rows: await query(text, values) }),
});

/** The transaction of the running unit of work; undefined where none runs. */
export function inUnit(): Db | undefined {
  if (!currentScope()) return undefined;
  const unit = currentUnit();
  return through((text, values) => unit.asApplication(text, values));
}

/** How many jobs a command changed, which pg-boss says in its answer and not in its types. */
export const affected = (answer: object): number => (answer as { affected: number }).affected;
