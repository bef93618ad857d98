import { setFlagsFromString } from 'node:v8';
import { Logger } from '@nestjs/common';
import { listenAs, runProcess, Settings } from '@app/config';
import { startTelemetry } from '@app/observability';

// V8 guesses by the first rows of a file which objects will stay, and may then keep all that follow: decision 22.
setFlagsFromString('--no-allocation-site-pretenuring');

/** The process that serves the API. */
runProcess(async () => {
  const settings = Settings.ofThisProcess();
  await startTelemetry(settings, 'api');
  const { createApi } = await import('./create-api.js');
  const api = await createApi(settings);
  try {
    await listenAs(settings, (port, host) => api.listen(port, host));
  } catch (error) {
    await api.close();
    throw error;
  }
  new Logger('Api').log(`Listening on ${await api.getUrl()}, documented at ${await api.getUrl()}/docs`);
});
