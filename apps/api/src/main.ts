import { setFlagsFromString } from 'node:v8';
import { Logger } from '@nestjs/common';
import { Settings } from '@app/config';
import { createApi } from './create-api';

// V8 guesses by the first rows of a file which objects will stay, and may then keep all that follow: decision 22.
setFlagsFromString('--no-allocation-site-pretenuring');

/** The process that serves the API. */
async function main(): Promise<void> {
  const settings = Settings.ofThisProcess();
  const api = await createApi(settings);
  try {
    await api.listen(settings.port, settings.host);
  } catch (error) {
    await api.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(
      `Port ${settings.port} of ${settings.host} is taken by another program: end that, or set PORT to another.`,
      {
        cause: error,
      },
    );
  }
  new Logger('Api').log(`Listening on ${await api.getUrl()}, documented at ${await api.getUrl()}/docs`);
}

main().catch((error: Error) => {
  // What we throw ourselves is a sentence for whoever starts the process; for anything else they need the stack.
  const isSentence = error.constructor === Error || error.name === 'SettingsError';
  process.stderr.write(`${isSentence ? error.message : (error.stack ?? error.message)}\n`, () => process.exit(1));
});
