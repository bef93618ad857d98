import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { currentUnit, newId } from '@app/database';
import { bodyProblem } from '../body';

const PART = 524_288; // bytes, which a process holds a few times over while it writes or reads them

/** A file that waits in the schema of its tenant. */
export interface KeptFile {
  id: string;
  /** Its size in bytes. */
  size: number;
}

/** Keeps what arrives, if the unit of work is kept, as fast as it comes. Throws when it breaks off. */
export async function keepFile(body: Readable): Promise<KeptFile> {
  const file = { id: newId(), size: 0 };
  const copy = await currentUnit().copyIn('COPY file_part (file, number, bytes) FROM STDIN');
  const closed = new Promise((resolve) => copy.once('close', resolve));
  try {
    await pipeline(rowsOf(body, file), copy);
  } catch (error) {
    throw bodyProblem(error);
  } finally {
    await closed; // a COPY that fails is over when Postgres has said so
  }
  return file;
}

/** The bytes of a file, read by another connection: the one of the unit takes them in meanwhile. */
export async function* bytesOf({ id }: KeptFile): AsyncGenerator<Buffer> {
  for (let number = 0; ; number++) {
    const text = 'SELECT bytes FROM file_part WHERE file = $1 AND number = $2';
    const [part] = await currentUnit().aside<{ bytes: Buffer }>(text, [id, number]);
    if (!part) return;
    yield part.bytes;
  }
}

export async function dropFile({ id }: KeptFile): Promise<void> {
  await currentUnit().manager.query('DELETE FROM file_part WHERE file = $1', [id]);
}

/** The rows of a file for a COPY; what has passed is counted. */
async function* rowsOf(body: Readable, file: KeptFile): AsyncGenerator<string> {
  let number = 0;
  for await (const part of partsOf(body)) {
    file.size += part.length;
    yield `${file.id}\t${number++}\t\\\\x${part.toString('hex')}\n`;
  }
}

/** The same bytes in parts that are worth a row. */
async function* partsOf(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length < PART) continue;
    yield Buffer.concat(chunks);
    [chunks, length] = [[], 0];
  }
  if (length) yield Buffer.concat(chunks);
}
