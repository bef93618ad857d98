import type { QueryRunner } from 'typeorm';
import { appendOnlyTable } from '@app/append-only';
import { stopAudit } from '@app/audit';

/** What a model can be, which is what its table and the program that serves it are. */
export type Kind = 'standard' | 'audited' | 'append-only';

/** The main file of the product with books of that kind, relative to `dist/apps`. */
export const MAINS: Record<Kind, string> = {
  standard: 'bench/src/kinds/standard.js',
  audited: 'api/src/main.js', // as it is shipped
  'append-only': 'bench/src/kinds/append-only.js',
};

/** Makes of a tenant's books, which are audited, books of another kind. */
export async function makeBooks(kind: Kind, runner: QueryRunner): Promise<void> {
  if (kind !== 'audited') await stopAudit(runner, 'book');
  if (kind === 'append-only') await appendOnlyTable(runner, 'book');
}
