import { Settings } from '@app/config';
import { createApi } from './create-api';

/** The process that serves the API. */
async function main(): Promise<void> {
  const settings = Settings.ofThisProcess();
  const api = await createApi(settings);
  await api.listen(settings.port, settings.host);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.name.startsWith('Settings') ? error.message : (error.stack ?? error.message)}\n`);
  process.exit(1);
});
