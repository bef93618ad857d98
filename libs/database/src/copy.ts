import { Readable, Writable } from 'node:stream';
import type { Submittable } from 'pg';
import { from, to } from 'pg-copy-streams';
import { QueryFailedError } from 'typeorm';

/** A COPY as the stream of its data; what Postgres has against it becomes the stream's error, as TypeORM would throw it. */
export type Copy<S = Readable | Writable> = S & Submittable & { text: string; isOver(): boolean };

/** What COPY … TO STDOUT sends, read no faster than it is taken. */
export function copyTo(text: string): Copy<Readable> {
  const stream = quiet(to(text));
  let failed = false;
  return Object.assign(stream, {
    isOver: () => failed || stream.readableEnded, // closed is not enough: what nobody reads blocks the connection
    handleError(reason: Error) {
      failed = true;
      stream.destroy(new QueryFailedError(text, undefined, reason));
    },
  });
}

/** What COPY … FROM STDIN is sent; it finishes when Postgres has taken it all, and fails there when it is destroyed. */
export function copyFrom(text: string): Copy<Writable> {
  const stream = quiet(from(text));
  const { _destroy: askToFail, handleReadyForQuery } = stream as typeof stream & { handleReadyForQuery(): void };
  let over = false;
  let close = (): void => undefined;
  return Object.assign(stream, {
    isOver: () => over,
    handleReadyForQuery() {
      over = true;
      handleReadyForQuery.call(stream);
    },
    handleError(reason: Error) {
      over = true;
      close();
      stream.destroy(new QueryFailedError(text, undefined, reason));
    },
    /** Closes when Postgres has failed the COPY; pg-copy-streams would ask it to do so even after that, and wait for ever. */
    _destroy(error: Error | null, done: (error?: Error | null) => void) {
      close = () => done(error);
      if (over) close();
      else askToFail.call(stream, error, close);
    },
  });
}

/** Without a listener its error would end the process, and a stream whose reader has left has none. */
function quiet<S extends Readable | Writable>(stream: S): S {
  stream.on('error', () => undefined);
  return stream;
}
