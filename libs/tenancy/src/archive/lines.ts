import { isUtf8 } from 'node:buffer';
import { BadArchive } from '../tenant-errors';

const LF = 0x0a;

/** The lines of a file. Only a line feed ends one: a text may hold what else Unicode calls a line's end. */
export async function* linesOf(file: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pieces: Uint8Array[] = []; // of the line whose end has not come yet
  for await (const chunk of file) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      yield text([...pieces, chunk.subarray(start, end)]);
      pieces = [];
      start = end + 1;
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
  if (pieces.length) yield text(pieces);
}

function text(pieces: Uint8Array[]): string {
  const bytes = Buffer.concat(pieces);
  if (!isUtf8(bytes)) throw new BadArchive('The archive is damaged: it is not UTF-8.');
  return bytes.toString();
}
