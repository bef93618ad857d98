import { writeFileSync } from 'node:fs';
import { measureJobs } from './jobs';
import { measure } from './measure';
import { readOptions } from './options';
import { tell, tellNothingMore } from './progress';
import { proveAnswers } from './prove-answers';
import { report } from './report';
import { Stage } from './stage';
import { startKinds, startSizes, startTargets, startTenants } from './targets';

/** The process that measures the product beside its yardsticks: `npm run bench`. */
async function main(): Promise<void> {
  const { plan, workloads, growth, kinds, tenants, jobs, json } = readOptions(process.argv.slice(2));
  const stage = await Stage.set(tell);
  clearWhenStopped(stage);
  try {
    tell('Starting the targets.');
    const targets = workloads.length ? await startTargets(stage, plan.books) : [];
    for (const target of targets) await proveAnswers(target);
    const compared = await measure(workloads, targets, plan.rounds, tell);

    const sizes = growth.length ? await startSizes(stage, plan.sizes) : [];
    const grown = await measure(growth, sizes, plan.rounds, tell);

    const rememberers = kinds.length ? await startKinds(stage, plan.books) : [];
    const remembered = await measure(kinds, rememberers, plan.rounds, tell);

    const installations = tenants.length ? await startTenants(stage, plan) : [];
    const crowded = await measure(tenants, installations, plan.rounds, tell);

    const worked = jobs.length ? await measureJobs(jobs, stage, plan, tell) : [];

    const { text, data } = report(stage.postgresVersion, plan, { compared, grown, remembered, crowded, worked });
    tellNothingMore();
    process.stdout.write(text);
    if (json) writeFileSync(json, `${JSON.stringify(data, undefined, 2)}\n`);
  } finally {
    await stage.clear();
  }
}

/** Nothing stays behind after Ctrl-C, or when nobody reads any longer what we write. */
function clearWhenStopped(stage: Stage): void {
  const stop = (exitCode: number) => void stage.clear().finally(() => process.exit(exitCode));
  process.once('SIGINT', () => stop(130)); // 128 and the number of the signal, as shells have it
  process.once('SIGTERM', () => stop(143));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop(1));
}

main().catch((error: Error) => {
  tellNothingMore();
  process.stderr.write(`${error.message}\n`, () => process.exit(1));
});
