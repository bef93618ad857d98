import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DestinationStream } from 'pino';
import { Settings } from '@app/config';
import { createLogger, NestLogger } from '@app/observability';
import { prepareDatabase } from '@app/tenancy';
import { migrationSets } from '../../../ormconfig';
import { ApiModule } from './api.module';
import { configure } from './configure';
import { createHttpAdapter } from './http/adapter';
import { serveDocs } from './openapi';

/** The API, ready to listen: its database open and migrated, its routes in place. It logs to `log`, or standard output. */
export async function createApi(settings: Settings, log?: DestinationStream): Promise<NestFastifyApplication> {
  const logger = createLogger(settings, log);
  const database = await prepareDatabase(settings, migrationSets, (line) => logger.info(line));
  try {
    const api = await NestFactory.create<NestFastifyApplication>(
      ApiModule.on(settings, database),
      createHttpAdapter(settings, logger),
      {
        logger: new NestLogger(logger),
        abortOnError: false, // throw, so that the database is released below
        bodyParser: false, // Fastify's own JSON parser, and no form parser: a form is 415
        routeResolutionStrategy: 'specificity', // /books/bulk before /books/:id, wherever they stand
        routeConflictPolicy: { duplicate: 'error' },
      },
    );
    configure(api, settings, logger);
    serveDocs(api);
    return api;
  } catch (error) {
    await database.release();
    throw error;
  }
}
