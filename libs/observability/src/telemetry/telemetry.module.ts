import { Logger, Module, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { runningTelemetry } from './telemetry';

const PATIENCE_MS = 3_000; // with a collector that does not answer, at the end of the process

/** Sends what has been traced and measured before the process ends. */
@Module({})
export class TelemetryModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Telemetry');

  onApplicationBootstrap(): void {
    for (const line of runningTelemetry()?.about ?? []) this.logger.log(line);
  }

  async onApplicationShutdown(): Promise<void> {
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref());
    await Promise.race([runningTelemetry()?.stop(), late]).catch((error) => this.logger.warn(error));
  }
}
