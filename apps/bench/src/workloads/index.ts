import { Plan } from '../plan';
import { Figure } from '../report/figure';
import { shortly } from '../report/format';
import { createMany, updateMany, upsertMany } from './bulk';
import { exportFile, importFile, start } from './files';
import { createOne, readOne, readPage, updateOne } from './single';
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

/** What may cost more where books remember what they were; the numbers are what the triggers took by themselves in a prototype. */
export const kindWorkloads = (plan: Plan): Workload[] => [
  atMost(createOne(plan), { audited: 1.9, 'append-only': 2.4 }),
  atMost(createMany(10_000, 3), { audited: 1.9, 'append-only': 2.4 }),
  atMost(updateOne(plan), { audited: 2.8, 'append-only': 1.23 }),
  atMost(updateMany(plan.updated), { audited: 2.8, 'append-only': 1.9 }),
  atMost(readPage(plan), { audited: 1.1, 'append-only': 1.1 }), // the same, but for what two runs differ by
];

const atMost = (workload: Workload, atMostOfKind: Figure['atMostOfKind']): Workload => ({
  ...workload,
  figures: workload.figures.map(({ title, unit }) => ({ title, unit, atMostOfKind })),
});

/** What must cost hardly more where there are many tenants. */
export const tenantWorkloads = (plan: Plan): Workload[] => [oneBusy(plan), spread(plan)];
