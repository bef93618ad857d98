import { Agent, request, RequestOptions } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client, Dispatcher } from 'undici';
import { upTo } from './books';

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
export interface Ask extends Pick<RequestOptions, 'method'> {
  headers?: Record<string, string | number>;
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
export async function hammer(origin: string, requests: Dispatcher.DispatchOptions[]): Promise<number> {
  const clients = upTo(CONNECTIONS, () => new Client(origin));
  const queue = requests.values();
  try {
    const begun = performance.now();
    await Promise.all(clients.map((client) => sendAll(queue, client)));
    return requests.length / ((performance.now() - begun) / 1_000);
  } finally {
    await Promise.all(clients.map((client) => client.destroy()));
  }
}

/** Takes one request after the other over one connection, as long as there are any. */
async function sendAll(queue: Iterable<Dispatcher.DispatchOptions>, client: Client): Promise<void> {
  for (const request of queue) {
    const status = await statusOf(request, client);
    if (status > 299) throw new Error(`${request.method} ${request.path} was answered ${status}.`);
  }
}

/** The status of an answer that was read whole; nothing else of it, for the machine is the target's. */
function statusOf(request: Dispatcher.DispatchOptions, client: Client): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0;
    client.dispatch(request, {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => void (status = statusCode),
      onResponseData: () => undefined,
      onResponseEnd: () => resolve(status),
      onResponseError: (_controller, error) => reject(error),
    });
  });
}

function* piecesOf(body: Buffer): Generator<Buffer> {
  for (let start = 0; start < body.length; start += PIECE) yield body.subarray(start, start + PIECE);
}
