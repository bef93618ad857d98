import { Plan } from '../plan';
import { shortly } from '../report/format';
import { createMany, updateMany, upsertMany } from './bulk';
import { exportFile, importFile, start } from './files';
import { createOne, readOne, readPage } from './single';
import { oneBusy, spread } from './tenants';
import { Workload } from './workload';

export type { Workload } from './workload';

const MANY = { atLeast: { times: 3.5, of: 'plain' }, target: { times: 0.8, of: 'bare' } } as const;

/** Everything that is measured, in the order of the report. */
export function workloads(plan: Plan): Workload[] {
  const creations = plan.createsOfMany.map(({ rows, calls }) => {
    return createMany(rows, calls, rows < 10_000 ? undefined : MANY);
  });
  return [
    readOne(plan, `read one of ${shortly(plan.books)}`),
    readPage(plan),
    createOne(plan),
    ...creations,
    upsertMany(10_000),
    updateMany(plan.updated),
    importFile(plan.imported, creations.at(-1)!.figures[0].title),
    exportFile(plan.exported),
    start,
  ];
}

/** What must cost the same however large the table is. */
export const growthWorkloads = (plan: Plan): Workload[] => [readOne(plan, 'read one'), readPage(plan)];

/** What must cost hardly more where there are many tenants. */
export const tenantWorkloads = (plan: Plan): Workload[] => [oneBusy(plan), spread(plan)];
