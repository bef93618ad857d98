import type { Settings } from './settings';

/** Runs what a process is for. What that throws ends the process: ours is a sentence for whoever starts it. */
export function runProcess(main: () => Promise<void>): void {
  main().catch((error: Error) => {
    const isSentence = error.constructor === Error || error.name === 'SettingsError'; // for anything else they need the stack
    process.stderr.write(`${isSentence ? error.message : (error.stack ?? error.message)}\n`, () => process.exit(1));
  });
}

/** Begins to listen as the settings say. Throws a sentence where another program has the port, which `variable` sets. */
export async function listenAs(
  { port, host }: Pick<Settings, 'port' | 'host'>,
  listen: (port: number, host: string) => Promise<unknown>,
  variable = 'PORT',
): Promise<void> {
  try {
    await listen(port, host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`Port ${port} of ${host} is taken by another program: end that, or set ${variable} to another.`, {
      cause: error,
    });
  }
}
