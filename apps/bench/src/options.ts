import { parseArgs } from 'node:util';
import { Trial, trials } from './jobs';
import { FULL, Plan, QUICK } from './plan';
import { growthWorkloads, kindWorkloads, tenantWorkloads, Workload, workloads } from './workloads';

const [GROWTH, KINDS, TENANTS, JOBS] = ['growth', 'kinds', 'tenants', 'jobs'];

/** What a run is asked for. */
export interface Options {
  plan: Plan;
  workloads: Workload[];
  /** Those that compare ours with itself on tables of different sizes. */
  growth: Workload[];
  /** Those that compare standard books with audited and append-only ones. */
  kinds: Workload[];
  /** Those that compare one tenant alone with many. */
  tenants: Workload[];
  /** Those of jobs. */
  jobs: Trial[];
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
  const names = [...all.map(({ name }) => name), GROWTH, KINDS, TENANTS, JOBS];
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown) throw new Error(`There is no workload "${unknown}": choose from ${names.join(', ')}.`);

  const wants = (part: string) => (only ? only.includes(part) : !quick);
  return {
    plan,
    workloads: all.filter(({ name }) => !only || only.includes(name)),
    growth: wants(GROWTH) ? growthWorkloads(plan) : [],
    kinds: wants(KINDS) ? kindWorkloads(plan) : [],
    tenants: wants(TENANTS) ? tenantWorkloads(plan) : [],
    jobs: wants(JOBS) ? trials(plan) : [],
    json,
  };
}
