import { CallHandler, ExecutionContext, HttpStatus, Injectable, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { map, Observable } from 'rxjs';
import { Settings } from '@app/config';
import { etagOf, isKnown } from './writing/conditions';

/** What an answer of ours may hold that its headers tell as well. */
interface Answer {
  id?: unknown;
  version?: unknown;
  nextCursor?: unknown;
}

/**
 * Says in `ETag` which version of a record an answer is, in `Location` where one that was just created can be read, and in
 * `Link` where a list goes on. A client that knows the version already gets 304 instead.
 */
@Injectable()
export class RecordHeadersInterceptor implements NestInterceptor {
  constructor(private readonly settings: Settings) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map((answer: Answer | undefined) => {
        if (typeof answer?.nextCursor === 'string') this.linkOn(answer.nextCursor, reply);
        if (typeof answer?.id !== 'string') return answer;
        if (reply.statusCode === HttpStatus.CREATED.valueOf()) locate(answer.id, reply);
        return typeof answer.version === 'number' && tag({ id: answer.id, version: answer.version }, reply)
          ? undefined
          : answer;
      }),
    );
  }

  /** By the letters of the request: what is decoded and encoded again may say something else. */
  private linkOn(cursor: string, reply: FastifyReply): void {
    const [path, query = ''] = reply.request.url.split(/\?(.*)/s);
    const same = query.split('&').filter((part) => part && !/^(cursor|offset)=/.test(part)); // the cursor is past the offset
    const parameters = [...same, `cursor=${cursor}`].join('&').replace(/[<>]/g, encodeURIComponent);
    reply.header('Link', `<${this.settings.baseUrl}${path}?${parameters}>; rel="next"`);
  }
}

function locate(id: string, reply: FastifyReply): void {
  reply.header('Location', `${reply.request.url.split('?')[0]}/${id}`);
}

/** Tags the answer, and makes it 304 for a client that has it already. A tag stands for the whole record as it is, not for a part or a past. */
function tag(record: { id: string; version: number }, reply: FastifyReply): boolean {
  const { method, headers, query } = reply.request;
  const { fields, include, asOf } = query as Record<string, unknown>;
  if (fields !== undefined || include !== undefined || asOf !== undefined) return false;
  const etag = etagOf(record);
  reply.header('ETag', etag);
  const isFresh = ['GET', 'HEAD'].includes(method) && isKnown(headers['if-none-match'], etag);
  if (isFresh) reply.status(HttpStatus.NOT_MODIFIED);
  return isFresh;
}
