import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Problem } from '../problem/problem';

/** How a body may be packed. */
export type Encoding = 'identity' | 'gzip';

/** What a Content-Encoding says. Throws 415 for any but gzip. */
export function encodingOf(contentEncoding = 'identity'): Encoding {
  switch (contentEncoding.trim().toLowerCase()) {
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    default:
      throw new Problem(415, 'unsupported_encoding', 'Content-Encoding may be gzip or identity.');
  }
}

/** A body without its encoding. */
export const unzipped = (body: Readable, encoding: Encoding): Readable =>
  encoding === 'identity' ? body : heldBack(pipeline(body, createGunzip({ chunkSize: 65_536 }), () => {})); // an error of either meets whoever reads

const NOT_GZIP = ['Z_DATA_ERROR', 'Z_BUF_ERROR'];
/** An error that comes before anyone reads waits for the reader, who gets it: without a listener it would end the process. */
const heldBack = (stream: Readable): Readable => stream.on('error', () => undefined);

/** The code of the error that ends a body whose sender says no more. */
export const SILENT = 'ERR_BODY_SILENT';
const BROKEN_OFF = ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', SILENT];

/** What an error of the body tells the client; an error of anything else is left as it is. */
export function bodyProblem(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (NOT_GZIP.includes(code)) return new Problem(400, 'malformed_gzip', 'The body is not gzip, or lacks its end.');
  if (BROKEN_OFF.includes(code)) return new Problem(400, 'incomplete_body', 'The body broke off.');
  return error;
}
