import { Measured } from './report/figure';
import { Target } from './targets';
import { Workload } from './workloads';

/** Has the targets do every workload in turn, round by round, so that what slows the machine slows them all. */
export async function measure(
  workloads: Workload[],
  targets: Target[],
  rounds: number,
  tell: (line: string) => void,
): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const workload of workloads) {
    const measured = workload.figures.map((figure): Measured => ({ figure, samples: {} }));
    const able = [];
    for (const target of targets) {
      const status = await workload.probe?.(target);
      const lacks = status !== undefined && status >= 400 && status < 500 ? { lacks: status } : undefined;
      for (const { samples } of measured) samples[target.name] = lacks ?? [];
      if (!lacks) able.push(target);
    }
    // A new process begins cold whatever came before, so that its workload warms it up itself.
    for (let round = workload.isFresh ? 1 : 0; round <= rounds; round++) {
      for (const target of able) {
        tell(`${workload.name}, ${round ? `round ${round} of ${rounds}` : 'warming up'}: ${target.name}`);
        await target.table.hold(workload.holds ?? target.holds);
        if (workload.isFresh) await target.restart();
        const values = await workload.measure(target, round);
        if (round) measured.forEach(({ samples }, index) => (samples[target.name] as number[]).push(values[index]));
      }
    }
    for (const target of able) await target.table.hold(target.holds);
    all.push(...measured);
  }
  return all;
}
