import { HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Logger } from 'pino';
import { EntityMetadata } from 'typeorm';
import { TooManyTries } from '@app/auth';
import { causeOf, Problem } from '@app/crud';
import { isRetryable, isUnavailable, postgresError } from '@app/database';

interface Facts {
  status: number;
  code: string;
  detail: string;
  errors?: unknown;
}

/** The body of an application/problem+json answer (RFC 9457). */
export const problemBody = ({ status, code, detail, errors }: Facts, instance: string, requestId: string): object => ({
  type: 'about:blank',
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  instance,
  code,
  requestId,
  errors,
});

/** Answers `error` as a problem; what is our fault is logged whole and told the client as a bare 500. */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
  entities: EntityMetadata[] = [],
): void {
  const facts = factsOf(error, entities);
  if (facts.status >= 500)
    logger[facts.status === 500 ? 'error' : 'warn']({ requestId: request.id, err: error }, facts.detail);
  if (facts.status === 503) reply.header('Retry-After', '1');
  if (error instanceof TooManyTries) reply.header('Retry-After', String(error.retryAfter));
  if (facts.status === 401) reply.header('WWW-Authenticate', 'Bearer');
  if (error instanceof Problem) reply.headers(error.headers);
  void reply
    .status(facts.status)
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(problemBody(facts, pathOf(request.url), request.id)));
}

function factsOf(error: unknown, entities: EntityMetadata[]): Facts {
  if (error instanceof HttpException) return factsOfHttp(error);
  if (isUnavailable(error))
    return { status: 503, code: 'unavailable', detail: 'The database cannot be reached at the moment: try again.' };
  if (postgresError(error)?.code === '57014')
    return { status: 503, code: 'timeout', detail: 'The database took too long: try again, or ask for less.' };
  const cause = causeOf(
    error,
    entities,
    /^\s*DELETE/i.test((error as { query?: string }).query ?? '') ? 'delete' : 'write',
  );
  if (cause) return factsOfHttp(Problem.of([cause]));
  if (isRetryable(error))
    return { status: 503, code: 'contention', detail: 'Others kept writing the same records: try again.' };

  const { statusCode, code } = error as { statusCode?: number; code?: string };
  if (statusCode && statusCode >= 400 && statusCode < 500) return factsOfFastify(statusCode, code);
  return {
    status: 500,
    code: 'internal',
    detail: 'Something went wrong on our side; the log knows more under this request id.',
  };
}

function factsOfHttp(error: HttpException): Facts {
  const { statusCode, code: refusal } = (error.cause ?? {}) as { statusCode?: number; code?: string };
  if (statusCode) return factsOfFastify(statusCode, refusal); // Nest wraps it, and drops the code

  const status = error.getStatus();
  const answer = error.getResponse() as Partial<Facts> & { message?: string };
  const { code = codeOf(status), errors } = typeof answer === 'string' ? ({} as Partial<Facts>) : answer;
  return { status, code, detail: error.message, errors };
}

/** What Fastify refuses before any handler runs: https://fastify.dev/docs/latest/Reference/Errors/ */
function factsOfFastify(status: number, code: string | undefined): Facts {
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { status, code: 'body_too_large', detail: 'The body is larger than BODY_LIMIT_BYTES allows.' };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { status, code: 'unsupported_media_type', detail: 'The body must be application/json.' };
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return { status, code: 'malformed_json', detail: 'The body is empty where JSON is expected.' };
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return { status: 400, code: 'malformed_url', detail: 'The path cannot be read.' };
    default:
      return {
        status,
        code: status === 400 ? 'malformed_json' : codeOf(status),
        detail: status === 400 ? 'The body is not the JSON it should be.' : `${STATUS_CODES[status] ?? 'Error'}.`,
      };
  }
}

const codeOf = (status: number): string => (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(/[^a-z]+/g, '_');
const pathOf = (url: string): string => url.split('?')[0];
