import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The OpenAPI document: operations are called as their methods are, `books.createOne`. */
export function createDocument(api: NestFastifyApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('nestjs-pg-typeorm-starter')
    .setDescription('Books, critics and reviews: single and bulk CRUD. Errors are application/problem+json (RFC 9457).')
    .setVersion('1')
    .build();
  return SwaggerModule.createDocument(api, about, {
    operationIdFactory: (controller, method) => `${controller.replace('Controller', '').toLowerCase()}.${method}`,
  });
}

/** Serves the document at /docs-json and a page to try it out at /docs. */
export function serveDocs(api: NestFastifyApplication): void {
  SwaggerModule.setup('docs', api, () => createDocument(api), { jsonDocumentUrl: 'docs-json' });
}
