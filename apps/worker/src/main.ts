import { setFlagsFromString } from 'node:v8';
import { runProcess, Settings } from '@app/config';
import { startTelemetry } from '@app/observability';

setFlagsFromString('--no-allocation-site-pretenuring'); // as in the API: imports are jobs too

/** The process that does jobs. Any number of them share the work. */
runProcess(async () => {
  const settings = Settings.ofThisProcess();
  await startTelemetry(settings, 'worker');
  const { createWorker } = await import('./create-worker.js');
  await createWorker(settings);
});
