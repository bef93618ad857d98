import type { Settings } from '@app/config';
import type { Running } from './sdk';

let running: Running | undefined;

/**
 * Begins to trace and measure this process, if the settings ask for it; else nothing of OpenTelemetry's SDK is even loaded.
 * It hooks into modules as they are loaded: call it before anything that loads `pg` or Fastify.
 */
export async function startTelemetry(settings: Settings, app: 'api' | 'worker'): Promise<void> {
  if (settings.otelExporterOtlpEndpoint === undefined && settings.metricsPort === undefined) return;
  const { startSdk } = await import('./sdk.js');
  running = await startSdk(settings, app);
}

/** What was begun, if anything. */
export const runningTelemetry = (): Running | undefined => running;
