import {
  ArgumentsHost,
  Catch,
  ExceptionFilter,
  HttpException,
  MethodNotAllowedException,
  NotFoundException,
} from '@nestjs/common';
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
    const cause = request.is404 ? this.unrouted(request, reply) : error;
    sendProblem(cause, request, reply, this.logger, this.dataSource.entityMetadatas);
  }

  private unrouted({ method, url }: FastifyRequest, reply: FastifyReply): HttpException {
    const allowed = this.routes.methodsOf(url).join(', ');
    if (!allowed) return new NotFoundException('Nothing is served under this path.');
    reply.header('Allow', allowed);
    return new MethodNotAllowedException(`${method} is not possible here; ${allowed} is.`);
  }
}
