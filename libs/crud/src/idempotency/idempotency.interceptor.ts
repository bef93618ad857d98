import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { CallHandler, ExecutionContext, Injectable, NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, Observable } from 'rxjs';
import { currentScope } from '@app/database';
import { Problem } from '../problem/problem';
import { AnswerStore, StoredAnswer } from './answer-store';

declare module 'fastify' {
  interface FastifyRequest {
    /** The bytes of the body, kept for a request with an Idempotency-Key. */
    rawBody?: Buffer;
  }
}

const LONGEST_BODY = 1_048_576; // bytes of an answer that are kept; of a longer one only the ids are
const HEADERS = ['etag', 'location', 'preference-applied'];

/**
 * Lets a client repeat a write whose answer it never got: a request with the Idempotency-Key of one that was carried out
 * is answered as that one was, and not carried out again.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  private readonly answers = new AnswerStore();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (key === undefined) return next.handle();
    refuseWhereUseless(key, request);
    if (!isWrite(request)) return next.handle();
    return from(this.onlyOnce(String(key), request, context.switchToHttp().getResponse<FastifyReply>(), next));
  }

  private async onlyOnce(
    key: string,
    request: FastifyRequest,
    reply: FastifyReply,
    next: CallHandler,
  ): Promise<unknown> {
    const name = JSON.stringify([currentScope()!.actor, request.method, request.url, key]);
    const stored = await this.answers.claim(name);
    const hash = hashOf(request);
    if (stored) return replay(stored, await hash.whole(), reply);

    const answer: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
    await this.answers.keep(name, { requestHash: await hash.whole(), ...keptOf(answer, reply) });
    return answer;
  }
}

const isWrite = ({ method, url }: FastifyRequest): boolean =>
  ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method) && !url.split('?')[0].endsWith('/bulk/read');

function refuseWhereUseless(key: string | string[], { url, query }: FastifyRequest): void {
  const refuse = (code: string, detail: string) => {
    throw Problem.of([{ status: 400, code, pointer: '/Idempotency-Key', detail }]);
  };
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key))
    refuse('malformed_header', 'Idempotency-Key must be 1 to 255 visible characters of ASCII.');
  if (url.split('?')[0].endsWith('/export'))
    refuse('not_a_write', 'Idempotency-Key is for writes: an export can be repeated.');
  if ((query as { dryRun?: string }).dryRun === 'true')
    refuse('not_a_write', 'Idempotency-Key is for writes: a dry run writes nothing and can be repeated.');
}

/** The digest of a body: of its bytes where they have been read, else of all that will have been, which streams through it. */
function hashOf(request: FastifyRequest): { whole(): Promise<Buffer> } {
  const hash = createHash('sha256');
  if (!(request.body instanceof Readable)) {
    const digest = hash.update(request.rawBody ?? '').digest();
    return { whole: () => Promise.resolve(digest) };
  }
  const watch = async function* (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  const body = Readable.from(watch(request.body));
  request.body = body;
  return {
    whole: async () => {
      for await (const _chunk of body.readableEnded ? [] : body); // a replay reads it for its digest alone
      return hash.digest();
    },
  };
}

function replay({ requestHash, status, headers, body }: StoredAnswer, hash: Buffer, reply: FastifyReply): unknown {
  if (!requestHash.equals(hash)) {
    throw new Problem(
      422,
      'idempotency_key_reused',
      'This Idempotency-Key came with another body before: take a new one for a new request.',
    );
  }
  reply.status(status).headers(headers).header('Idempotency-Replayed', 'true');
  if (body !== null) reply.type('application/json; charset=utf-8');
  return body ?? undefined;
}

/** What is kept of an answer: all of it, or of one that is too long how many records it tells of, and which. */
function keptOf(answer: unknown, reply: FastifyReply): Omit<StoredAnswer, 'requestHash'> {
  const headers: Record<string, string> = {};
  for (const header of HEADERS) if (reply.hasHeader(header)) headers[header] = String(reply.getHeader(header));
  const whole = { status: reply.statusCode, headers, body: answer === undefined ? null : serialized(answer, reply) };
  const { count, ids } = (answer ?? {}) as { count?: number; ids?: string[] };
  if (!ids || Buffer.byteLength(whole.body!) <= LONGEST_BODY) return whole;
  delete headers['preference-applied']; // the records, which is what is preferred, are not in it
  return { ...whole, body: JSON.stringify({ count, ids }) };
}

/** The answer as it is sent. */
const serialized = (answer: unknown, reply: FastifyReply): string => reply.serialize(answer) as string;
