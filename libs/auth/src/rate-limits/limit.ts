import { HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

/** How often something may be done in a window of time. */
export interface Limit {
  /** A word for it, in headers. */
  name: string;
  most: number;
  windowSeconds: number;
}

/** What is left of a limit, and in how many milliseconds it begins anew. */
export interface Left {
  points: number;
  ms: number;
}

/** Says in the answer what is left of a limit (draft-ietf-httpapi-ratelimit-headers), and throws 429 when nothing is. */
export function hold(reply: FastifyReply, { name, most, windowSeconds }: Limit, { points, ms }: Left): void {
  const seconds = Math.ceil(ms / 1_000);
  reply.header('RateLimit-Policy', `"${name}";q=${most};w=${windowSeconds}`);
  reply.header('RateLimit', `"${name}";r=${Math.max(points, 0)};t=${seconds}`);
  if (points < 0) throw new TooManyTries(seconds);
}

/** Somebody did something too often, and may again in so many seconds. */
export class TooManyTries extends HttpException {
  constructor(readonly retryAfter: number) {
    super({ code: 'too_many_requests', message: `Too often: try again in ${retryAfter} s.` }, 429);
  }
}
