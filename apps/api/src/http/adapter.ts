import { BadRequestException, UnsupportedMediaTypeException } from '@nestjs/common';
import type { SecurityRequestHook } from '@nestjs/common/internal';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { Settings } from '@app/config';
import { FORMATS } from '@app/crud';
import { newId } from '@app/database';
import { runWithRequest } from '@app/observability';
import { problemBody, sendProblem } from './send-problem';

const MALFORMED = JSON.stringify(
  problemBody({ status: 400, code: 'malformed_request', detail: 'This is not HTTP.' }, '', newId()),
);

/** Nest would write its security headers to Node's response, one by one, a twentieth of a read's time; as Fastify's own they leave with all others. */
class Adapter extends FastifyAdapter {
  override registerSecurityHook(hook: SecurityRequestHook<FastifyRequest>): void {
    this.getInstance<FastifyInstance>().addHook('onRequest', (request, reply, done) => {
      const setHeader = (name: string, value: string) => reply.header(name, value);
      done(hook(request, { setHeader, removeHeader: (name) => reply.removeHeader(name) }));
    });
  }
}

/** Fastify as the API wants it: its limits, the id of each request, a line in the log for each answer, and problems for errors. */
export function createHttpAdapter(settings: Settings, logger: Logger): FastifyAdapter {
  const adapter = new Adapter({
    skipMiddie: true, // we use no Express middleware, and every request would pay for the door to it
    bodyLimit: settings.bodyLimitBytes,
    trustProxy: settings.trustProxy.length ? settings.trustProxy : false,
    requestTimeout: 3_600_000, // to receive a request, an import being the longest
    return503OnClosing: false, // a connection still open while we stop is served to its end
    http: { requireHostHeader: false }, // Node would refuse without a word; the hook below does with a problem
    routerOptions: { maxParamLength: 500 },
    genReqId: ({ headers }: IncomingMessage) => wellFormed(headers['x-request-id']) ?? newId(),
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, request, reply, logger),
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: ${MALFORMED.length}\r\nConnection: close\r\n\r\n${MALFORMED}`,
      );
    },
  });

  const fastify = adapter.getInstance();
  const requests = logger.child({}, { redact: [] }); // all that is in its lines is named below, and none of it secret
  fastify.removeContentTypeParser(['application/json', 'text/plain']);
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // Decoding would put U+FFFD for what is not UTF-8, and that would be stored.
    if (request.headers['idempotency-key']) request.rawBody = body as Buffer;
    if (isUtf8(body as Buffer)) void parseJson(request, body.toString(), done);
    else done(new BadRequestException({ code: 'malformed_json', message: 'The body is not UTF-8.' }));
  });
  fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (request, body, done) => {
    const takesForms = request.routeOptions.url?.endsWith('/auth/token'); // as OAuth 2 has it
    if (takesForms) done(null, Object.fromEntries(new URLSearchParams(body as string)));
    else done(new UnsupportedMediaTypeException('The body must be application/json.'));
  });
  // Files are not read here but where they go, and nowhere else.
  fastify.addContentTypeParser(Object.keys(FORMATS), (request, body, done) => {
    const takesFiles = request.routeOptions.url?.endsWith('/import');
    done(takesFiles ? null : new UnsupportedMediaTypeException('The body must be application/json.'), body);
  });
  fastify.server.on('checkExpectation', fastify.routing); // unknown ones are ignored, which RFC 9110 allows
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('X-Request-Id', request.id);
    const { httpVersion, headers } = request.raw;
    done(headers.host === undefined && httpVersion === '1.1' ? new BadRequestException('Host is missing.') : undefined);
  });
  // Reading the body may lose the context of the request, so what follows it is where the context begins.
  fastify.addHook('preValidation', (request, _reply, done) => runWithRequest({ requestId: request.id }, done));
  fastify.addHook('onResponse', (request, reply, done) => {
    const level = request.url.startsWith('/health/') ? 'debug' : 'info'; // probes ask every few seconds
    requests[level](
      {
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request',
    );
    done();
  });
  return adapter;
}

const wellFormed = (id: unknown): string | undefined =>
  typeof id === 'string' && /^[\w.:-]{1,100}$/.test(id) ? id : undefined;
