import { CallHandler, ExecutionContext, HttpStatus, Injectable, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { map, Observable } from 'rxjs';
import { Settings } from '@app/config';

/** What an answer of ours may hold that its headers tell as well. */
interface Answer {
  id?: unknown;
  nextCursor?: unknown;
}

/** Says in `Location` where a record that was just created can be read, and in `Link` where a list goes on. */
@Injectable()
export class RecordHeadersInterceptor implements NestInterceptor {
  constructor(private readonly settings: Settings) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map((answer: Answer | undefined) => {
        if (typeof answer?.id === 'string') this.describeRecord(answer.id, reply);
        if (typeof answer?.nextCursor === 'string') this.linkOn(answer.nextCursor, reply);
        return answer;
      }),
    );
  }

  private describeRecord(id: string, reply: FastifyReply): void {
    if (reply.statusCode === HttpStatus.CREATED.valueOf()) {
      reply.header('Location', `${reply.request.url.split('?')[0]}/${id}`);
    }
  }

  private linkOn(cursor: string, reply: FastifyReply): void {
    const [path, query] = reply.request.url.split('?');
    const parameters = new URLSearchParams(query);
    parameters.delete('offset'); // the cursor is past it
    parameters.set('cursor', cursor);
    reply.header('Link', `<${this.settings.baseUrl}${path}?${parameters.toString()}>; rel="next"`);
  }
}
