import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance, RouteOptions } from 'fastify';

type Schema = Record<string, unknown>;

/**
 * Has Fastify write each answer by the schema its documentation promises: faster than finding out what an object holds,
 * and nothing leaves that is not documented. Call it before routes are registered.
 */
export function writeAsDocumented(fastify: FastifyInstance, { components, paths }: OpenAPIObject): void {
  for (const [name, schema] of Object.entries(components?.schemas ?? {}))
    fastify.addSchema({ $id: name, ...(writable(schema) as Schema) });

  fastify.addHook('onRoute', (route: RouteOptions) => {
    const path = paths[route.url.replaceAll(/:(\w+)/g, '{$1}')] as Record<string, Operation> | undefined;
    const responses = path?.[String(route.method).toLowerCase()]?.responses ?? {};
    const schemas = Object.entries(responses).flatMap(([status, { content }]) => {
      const schema = content?.['application/json']?.schema;
      return status.startsWith('2') && schema ? [[status, writable(schema)]] : [];
    });
    if (schemas.length) route.schema = { ...route.schema, response: Object.fromEntries(schemas) as object };
  });
}

interface Operation {
  responses: Record<string, { content?: Record<string, { schema?: object }> }>;
}

/** A schema of the documentation as one to write by: nothing in it is required, and what says nothing may be anything. */
function writable(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(writable);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref, type, properties, additionalProperties, items, ...rest } = schema as Schema;
  if (typeof $ref === 'string') return { $ref: `${$ref.split('/').at(-1)}#` };
  if ((type === 'object' && !properties && !additionalProperties) || (type === 'array' && !items)) return {};
  const { format, nullable, anyOf, oneOf, allOf } = rest as Schema;
  return Object.fromEntries(
    Object.entries({
      type,
      format,
      nullable,
      items: items && writable(items),
      properties:
        properties && Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, writable(value)])),
      additionalProperties: additionalProperties && writable(additionalProperties),
      anyOf: anyOf && writable(anyOf),
      oneOf: oneOf && writable(oneOf),
      allOf: allOf && writable(allOf),
    }).filter(([, value]) => value !== undefined),
  );
}
