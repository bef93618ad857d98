import autocannon from 'autocannon';
import { Agent, request, RequestOptions } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const CONNECTIONS = 32; // more than the pool has, so that a target is never idle
const PIECE = 64 * 1024; // what a file arrives in

/** An answer, whole, and when it came, in milliseconds after the request was begun. */
export interface Answer {
  status: number;
  body: Buffer;
  firstByteAt: number;
  endedAt: number;
}

/** A request to a target. */
export interface Ask extends Pick<RequestOptions, 'method' | 'headers'> {
  body?: Buffer;
  /** Whether the body goes as a stream, whose length nobody knows before its end. */
  streams?: boolean;
}

/** Sends one request and reads its whole answer, whatever its status. */
export async function ask(url: string, { method = 'GET', headers, body, streams }: Ask = {}): Promise<Answer> {
  const agent = new Agent(); // a connection of its own, gone afterwards: a target that is to stop waits for none
  const begun = performance.now();
  const sent = request(url, { method, headers, agent });
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.once('error', reject).once('response', (response) => {
      const pieces: Buffer[] = [];
      let firstByteAt = NaN;
      response.on('data', (piece: Buffer) => {
        if (!pieces.length) firstByteAt = performance.now() - begun;
        pieces.push(piece);
      });
      response.once('error', reject).once('end', () => {
        const endedAt = performance.now() - begun;
        resolve({ status: response.statusCode!, body: Buffer.concat(pieces), firstByteAt, endedAt });
      });
    });
  });
  if (body && streams)
    await pipeline(Readable.from(piecesOf(body)), sent).catch(() => undefined); // its answer says why
  else sent.end(body);
  return answer;
}

/** Sends all `requests` over 32 connections at once, each after the answer to the last, and gives their rate per second. */
export async function hammer(url: string, requests: autocannon.Request[]): Promise<number> {
  const share = Math.floor(requests.length / CONNECTIONS);
  let next = 0;
  // Every connection gets a list made before the clock starts: to make a request costs autocannon more than to send it.
  const running = autocannon({
    url,
    connections: CONNECTIONS,
    amount: share * CONNECTIONS,
    sampleInt: 5,
    setupClient: (client) => client.setRequests(requests.slice(next, (next += share))),
  });
  let begun = 0;
  running.once('start', () => (begun = performance.now()));
  const { '2xx': good, non2xx, errors, timeouts } = await running;
  const seconds = (performance.now() - begun) / 1_000;
  if (non2xx || errors || timeouts || good !== share * CONNECTIONS) {
    throw new Error(
      `Of ${share * CONNECTIONS} requests to ${url}, such as ${requests[0].method ?? 'GET'} ${requests[0].path}, ${good} succeeded: ` +
        `${non2xx} other answers, ${errors} errors, ${timeouts} timeouts.`,
    );
  }
  return good / seconds;
}

function* piecesOf(body: Buffer): Generator<Buffer> {
  for (let start = 0; start < body.length; start += PIECE) yield body.subarray(start, start + PIECE);
}
