import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import { Problem } from '../problem/problem';
import { type Encoding, encodingOf, SILENT } from './body';

/** The formats of files, by their content type. */
export const FORMATS: Record<string, 'ndjson' | 'csv'> = { 'application/x-ndjson': 'ndjson', 'text/csv': 'csv' };

const SILENCE_MS = 30_000; // a sender that says nothing for so long holds a connection that others could use

/** A file that is being sent. */
export interface Upload {
  format: 'ndjson' | 'csv';
  encoding: Encoding;
  /** Its bytes, as they are sent. */
  body: Readable;
}

/** The file in the body of a request. Throws 415 for a body that is none. */
export function uploadOf(body: unknown, headers: IncomingHttpHeaders): Upload {
  const format = FORMATS[(headers['content-type'] ?? '').split(';')[0].trim().toLowerCase()];
  if (!format || !(body instanceof Readable)) {
    const types = Object.keys(FORMATS).join(' or ');
    throw new Problem(415, 'unsupported_media_type', `The body must be ${types}.`);
  }
  const encoding = encodingOf(headers['content-encoding']);
  return { format, encoding, body: Readable.from(chunksOf(body), { objectMode: false }) };
}

/**
 * What arrives, until the sender falls silent. The request itself is never destroyed for a file that is refused: with it
 * would go the answer.
 */
async function* chunksOf(body: Readable): AsyncGenerator<Buffer> {
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  for (;;) {
    const timer = setTimeout(() => body.destroy(Object.assign(new Error(SILENT), { code: SILENT })), SILENCE_MS);
    const next = await chunks.next().finally(() => clearTimeout(timer));
    if (next.done) return;
    yield next.value;
  }
}

/** Says in the documentation that a route takes a file. */
export const TakesFile = (): MethodDecorator =>
  applyDecorators(
    ApiConsumes(...Object.keys(FORMATS)),
    ApiBody({ description: 'One record a line.', schema: { type: 'string', format: 'binary' } }),
  );
