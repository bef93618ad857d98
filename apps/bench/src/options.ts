import { parseArgs } from 'node:util';
import { FULL, Plan, QUICK } from './plan';
import { growthWorkloads, tenantWorkloads, Workload, workloads } from './workloads';

const [GROWTH, TENANTS] = ['growth', 'tenants'];

/** What a run is asked for. */
export interface Options {
  plan: Plan;
  workloads: Workload[];
  /** Those that compare ours with itself on tables of different sizes. */
  growth: Workload[];
  /** Those that compare one tenant alone with many. */
  tenants: Workload[];
  /** Where the figures are written for machines. */
  json?: string;
}

/** Reads `[--quick] [--only WORKLOAD]… [--json FILE]`. Throws a sentence when that is not what it is. */
export function readOptions(args: string[]): Options {
  const { quick, only, json } = parseArgs({
    args,
    options: { quick: { type: 'boolean' }, only: { type: 'string', multiple: true }, json: { type: 'string' } },
  }).values;
  const plan = quick ? QUICK : FULL;
  const all = workloads(plan);
  const names = [...all.map(({ name }) => name), GROWTH, TENANTS];
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown) throw new Error(`There is no workload "${unknown}": choose from ${names.join(', ')}.`);

  return {
    plan,
    workloads: all.filter(({ name }) => !only || only.includes(name)),
    growth: (only ? only.includes(GROWTH) : !quick) ? growthWorkloads(plan) : [],
    tenants: (only ? only.includes(TENANTS) : !quick) ? tenantWorkloads(plan) : [],
    json,
  };
}
