import { setFlagsFromString } from 'node:v8';
import { runProcess, Settings } from '@app/config';
import { createWorker } from './create-worker';

setFlagsFromString('--no-allocation-site-pretenuring'); // as in the API: imports are jobs too

/** The process that does jobs. Any number of them share the work. */
runProcess(async () => {
  await createWorker(Settings.ofThisProcess());
});
