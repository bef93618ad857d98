import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, getSchemaPath, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { pino } from 'pino';
import { Settings } from '@app/config';
import { ProblemDto } from '@app/crud';
import { Database, Names } from '@app/database';
import { ApiModule } from './api.module';
import { placeRoutes } from './configure';
import { createHttpAdapter } from './http/adapter';
import { writeAsDocumented } from './http/answer-schemas';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** The OpenAPI document of a running API: operations are called as their methods are, `books.createOne`. */
export function createDocument(api: NestFastifyApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('nestjs-pg-typeorm-starter')
    .setDescription(
      'Books, critics and reviews, one by one and in bulk. Errors are application/problem+json (RFC 9457).',
    )
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/')
    .addBearerAuth()
    .addOAuth2({ type: 'oauth2', flows: { password: { tokenUrl: '/api/v1/auth/token', scopes: {} } } })
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-Api-Key' }, 'apiKey')
    .build();
  const document = SwaggerModule.createDocument(api, about, {
    operationIdFactory: (controller, method) =>
      `${controller[0].toLowerCase()}${controller.slice(1).replace('Controller', '')}.${method}`,
    extraModels: [ProblemDto],
  });
  const operations = Object.values(document.paths).flatMap((path) => METHODS.flatMap((method) => path[method] ?? []));
  for (const { responses } of operations) {
    responses.default = {
      description: 'Whatever else went wrong.',
      content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
    };
  }
  return document;
}

/** The same document without a database: only what the classes declare is looked at. */
export async function describeApi(): Promise<OpenAPIObject> {
  const settings = Settings.from({});
  const nowhere = { names: new Names('') } as Database;
  const api = await NestFactory.create<NestFastifyApplication>(
    ApiModule.on(settings, nowhere),
    createHttpAdapter(settings, pino({ level: 'silent' })),
    { preview: true, logger: false, abortOnError: false },
  );
  placeRoutes(api);
  return createDocument(api);
}

/** Serves the document at /docs-json and a page to try it out at /docs, and has every answer keep what it promises. */
export function serveDocs(api: NestFastifyApplication): void {
  const document = createDocument(api);
  writeAsDocumented(api.getHttpAdapter().getInstance(), document);
  SwaggerModule.setup('docs', api, document, { jsonDocumentUrl: 'docs-json' });
}
