import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { Authenticator } from '@app/access';
import { Settings } from '@app/config';
import { InputPipe, StrictQueryGuard } from '@app/crud';
import { ProblemFilter } from './http/problem.filter';
import { RouteTable } from './http/route-table';
import { readLittleOfStrangers } from './http/strangers';

/** Where the routes lie, in the server as in its documentation. */
export function placeRoutes(api: NestFastifyApplication): void {
  api.setGlobalPrefix('api/v1', {
    exclude: ['/', 'account', 'account/script.js', 'health/live', 'health/ready', '.well-known/jwks.json'],
  });
}

/** What holds for every route: checks, errors, security headers, and an orderly end. */
export function configure(api: NestFastifyApplication, settings: Settings, logger: Logger): void {
  const fastify = api.getHttpAdapter().getInstance();
  const routes = new RouteTable(fastify);
  readLittleOfStrangers(fastify, api.get(Authenticator));
  placeRoutes(api);
  api.useGlobalPipes(new InputPipe());
  api.useGlobalGuards(new StrictQueryGuard());
  api.useGlobalFilters(new ProblemFilter(logger, api.get(DataSource), routes));
  api.useSecurityHeaders({
    // A page served over http would have its browser ask for scripts by https, which nothing answers.
    contentSecurityPolicy: {
      directives: { 'upgrade-insecure-requests': settings.baseUrl.startsWith('https:') ? [] : null },
    },
  });
  if (settings.corsOrigins.length) {
    api.enableCors({
      origin: settings.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], // Fastify's default leaves out half of them
      exposedHeaders: [
        'ETag',
        'Idempotency-Replayed',
        'Link',
        'Location',
        'Preference-Applied',
        'RateLimit',
        'RateLimit-Policy',
        'Retry-After',
        'X-Request-Id',
      ],
    });
  }
  api.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
}
