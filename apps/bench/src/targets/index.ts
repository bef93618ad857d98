import { Plan } from '../plan';
import { Stage } from '../stage';
import { startOurs } from './ours';
import { Target } from './target';
import { shortly } from '../report/format';
import { startYardstick } from './yardstick';

export { Target } from './target';

/** Starts the three programs that are compared, each on as many books. */
export async function startTargets(stage: Stage, holds: number): Promise<Target[]> {
  const ours = await startOurs(stage, 'ours', holds);
  const bare = await startYardstick(stage, 'bare', holds, ours.table);
  const plain = await startYardstick(stage, 'plain', holds, ours.table);
  return [bare, plain, ours];
}

/** Starts ours with one tenant, and with many, each with as many books. */
export async function startTenants(stage: Stage, { tenants, booksOfTenant }: Plan): Promise<Target[]> {
  return [await startOurs(stage, 'alone', booksOfTenant), await startOurs(stage, 'among', booksOfTenant, { tenants })];
}

/** Starts ours once for each kind of books, each on as many. */
export async function startKinds(stage: Stage, holds: number): Promise<Target[]> {
  const targets = [];
  for (const kind of ['standard', 'audited', 'append-only'] as const)
    targets.push(await startOurs(stage, kind, holds, { kind }));
  return targets;
}

/** Starts ours once for each size of its table. */
export async function startSizes(stage: Stage, sizes: number[]): Promise<Target[]> {
  const targets = [];
  for (const size of sizes) targets.push(await startOurs(stage, shortly(size), size));
  return targets;
}
