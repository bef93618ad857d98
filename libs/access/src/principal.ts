import { createParamDecorator, ExecutionContext, UnauthorizedException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request; undefined on public routes. */
    principal?: Principal;
  }
}

/** Who makes a request: a person or a program, in which tenant, and what they may do there. */
export interface Principal {
  /** What the log, the audit and stored answers call it: `login:<id>` or `api-key:<id>`. */
  readonly actor: string;
  /** The login that signed in, or on whose behalf the API key acts. */
  readonly loginId: string;
  /** Whether somebody signed in, and not a program with a key. */
  readonly isPerson: boolean;
  /** The session of a person who signed in here. */
  readonly sessionId?: string;
  readonly tenantId?: string;
  /** `books:write` is one; `*:read` stands for reading whatever the tenant has. */
  readonly permissions: readonly string[];
}

/** Finds out who makes a request. Throws 401 when that cannot be told: this is all that the guard asks of `libs/auth`. */
export abstract class Authenticator {
  abstract authenticate(request: FastifyRequest): Principal | Promise<Principal>;
}

/** Whether `permissions` hold `wanted`, by name or by a star. */
export const permits = (permissions: readonly string[], wanted: string): boolean =>
  permissions.includes(wanted) || permissions.includes(`*${wanted.slice(wanted.indexOf(':'))}`);

/** The principal of a request, as a parameter of a handler that requires one. */
export const CurrentLogin = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!principal) throw new UnauthorizedException('This route knows nobody: it is public.');
  return principal;
});
