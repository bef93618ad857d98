import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { InputPipe } from '@app/crud';
import { ProblemFilter } from './http/problem.filter';
import { RouteTable } from './http/route-table';
import { serveDocs } from './openapi';

/** What holds for every route, in the server, in tests and where the client is generated: checks, errors, headers, documentation. */
export async function configure(
  api: NestFastifyApplication,
  settings: Settings,
  logger: Logger,
): Promise<NestFastifyApplication> {
  const routes = new RouteTable(api.getHttpAdapter().getInstance());
  api.setGlobalPrefix('api/v1', { exclude: ['/', 'health/live', 'health/ready'] });
  api.useGlobalPipes(new InputPipe());
  api.useGlobalFilters(new ProblemFilter(logger, api.get(DataSource), routes));
  api.useSecurityHeaders();
  if (settings.corsOrigins.length) {
    api.enableCors({
      origin: settings.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], // Fastify's default leaves out half of them
      exposedHeaders: ['Location', 'X-Request-Id', 'Preference-Applied'],
    });
  }
  api.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
  serveDocs(api);
  return api;
}
