import { ArgumentsHost, Catch, ExceptionFilter, MethodNotAllowedException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { sendProblem } from './send-problem';
import type { RouteTable } from './route-table';

/** Answers every error, ours or the framework's, as application/problem+json. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly dataSource: DataSource,
    private readonly routes: RouteTable,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const allowed = request.is404 ? this.routes.methodsOf(request.url) : [];
    if (allowed.length) {
      reply.header('Allow', allowed.join(', '));
      error = new MethodNotAllowedException(`${request.method} is not possible here; ${allowed.join(', ')} is.`);
    }
    sendProblem(error, request, reply, this.logger, this.dataSource.entityMetadatas);
  }
}
