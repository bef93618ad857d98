import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { applyDecorators, StreamableFile } from '@nestjs/common';
import { ApiProduces, ApiResponse } from '@nestjs/swagger';

const TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' };
const SILENCE_MS = 60_000; // a reader that takes nothing for so long holds a connection that others could use

/** The format that `Accept` asks for. */
export const formatOf = (accept: string | undefined): 'ndjson' | 'csv' =>
  accept && /\btext\/csv\b/.test(accept) && !/\bx-ndjson\b/.test(accept) ? 'csv' : 'ndjson';

/** An answer that is saved as a file: `Book.csv`. */
export function fileOf(
  stream: Readable,
  format: 'ndjson' | 'csv',
  name: string,
  { socket }: IncomingMessage,
): StreamableFile {
  const hangUp = () => void socket.destroy();
  socket.setTimeout(SILENCE_MS, hangUp);
  stream.once('close', () => socket.setTimeout(0, hangUp)); // the next request on it is none of ours
  return new StreamableFile(stream, { type: TYPES[format], disposition: `attachment; filename="${name}.${format}"` });
}

/** Says in the documentation that a route answers with a file. */
export const GivesFile = (): MethodDecorator =>
  applyDecorators(
    ApiProduces('application/x-ndjson', 'text/csv'),
    ApiResponse({ status: 200, description: 'One record a line.', schema: { type: 'string', format: 'binary' } }),
  );
