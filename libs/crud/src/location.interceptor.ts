import { CallHandler, ExecutionContext, HttpStatus, Injectable, NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Observable, tap } from 'rxjs';

/** Says in `Location` where a record that was just created can be read. */
@Injectable()
export class LocationInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      tap((answer: { id?: string } | undefined) => {
        const isCreated = reply.statusCode === HttpStatus.CREATED.valueOf();
        if (isCreated && answer?.id) reply.header('Location', `${reply.request.url.split('?')[0]}/${answer.id}`);
      }),
    );
  }
}
