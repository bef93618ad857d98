import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { DestinationStream } from 'pino';
import { Settings } from '@app/config';
import { createLogger, NestLogger } from '@app/observability';
import { prepareDatabase } from '@app/tenancy';
import { migrationSets } from '../../../ormconfig';
import { HealthServer } from './health-server';
import { WorkerModule } from './worker.module';

/** A worker at work: its database open and migrated, its health to be asked for. It logs to `log`, or standard output. */
export async function createWorker(settings: Settings, log?: DestinationStream): Promise<INestApplicationContext> {
  const logger = createLogger(settings, log);
  const database = await prepareDatabase(settings, migrationSets, (line) => logger.info(line));
  try {
    const worker = await NestFactory.createApplicationContext(WorkerModule.on(settings, database), {
      logger: new NestLogger(logger),
      abortOnError: false, // throw, so that the database is released below
    });
    worker.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
    await worker.get(HealthServer).listen();
    return worker;
  } catch (error) {
    await database.release();
    throw error;
  }
}
