import { Plan } from '../plan';
import { shortly } from '../report/format';
import { createMany, updateMany, upsertMany } from './bulk';
import { exportFile, importFile, start } from './files';
import { createOne, readOne, readPage } from './single';
import { Workload } from './workload';

export type { Workload } from './workload';

const MANY = { atLeast: { times: 3.5, of: 'plain' }, target: { times: 0.8, of: 'bare' } } as const;

/** Everything that is measured, in the order of the report. */
export const workloads = (plan: Plan): Workload[] => [
  readOne(plan.readsOfOne, `read one of ${shortly(plan.books)}`),
  readPage(plan.readsOfPage),
  createOne(plan.createsOfOne),
  createMany(1_000, 10),
  createMany(10_000, 3, MANY),
  createMany(50_000, 1, MANY),
  upsertMany(10_000),
  updateMany(10_000),
  importFile(plan.imported),
  exportFile(plan.exported),
  start,
];

/** What must cost the same however large the table is. */
export const growthWorkloads = (plan: Plan): Workload[] => [
  readOne(plan.readsOfOne, 'read one'),
  readPage(plan.readsOfPage),
];
