import { availableParallelism, cpus, totalmem } from 'node:os';
import { Plan } from '../plan';
import { Measured } from './figure';
import { shortly } from './format';
import { comparisonTable, growthTable, jobsTable, kindsTable, tenantsTable } from './table';
import { isMet, middleOf, ratio } from './verdict';

/** The figures of a run as people read them, in Markdown, and as machines do. */
export function report(
  postgres: string,
  plan: Plan,
  measured: Record<'compared' | 'grown' | 'remembered' | 'crowded' | 'worked', Measured[]>,
): { text: string; data: object } {
  const { compared, grown, remembered, crowded, worked } = measured;
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    postgres,
  };
  const { cpu, cores, memoryGb, system, node } = machine;
  const parts = [
    `Median of ${plan.rounds} rounds; ${shortly(plan.books)} books in each table; ${cores} × ${cpu}, ${memoryGb} GB, ${system}, ` +
      `Node ${node}, Postgres ${postgres}. apps/bench/README.md says how to read it.`,
    ...(compared.length ? [comparisonTable(compared)] : []),
    ...(grown.length ? [growthTable(grown, plan.sizes)] : []),
    ...(remembered.length ? [kindsTable(remembered)] : []),
    ...(crowded.length ? [tenantsTable(crowded, plan.tenants)] : []),
    ...(worked.length ? [jobsTable(worked)] : []),
  ];
  return {
    text: `${parts.join('\n\n')}\n`,
    data: {
      date: new Date().toISOString(),
      machine,
      plan,
      compared: compared.map((measured) => withVerdict(measured, compared)),
      grown,
      remembered,
      crowded,
      worked,
    },
  };
}

function withVerdict(measured: Measured, all: Measured[]): object {
  const { figure, samples } = measured;
  return {
    ...figure,
    samples,
    medians: Object.fromEntries(Object.entries(samples).map(([name, rounds]) => [name, middleOf(rounds)])),
    ratios: {
      plainToBare: ratio(samples.plain, samples.bare),
      oursToBare: ratio(samples.ours, samples.bare),
      oursToPlain: ratio(samples.ours, samples.plain),
    },
    isMet: {
      atLeast: figure.atLeast && isMet(figure.atLeast, measured, all),
      target: figure.target && isMet(figure.target, measured, all),
    },
  };
}
