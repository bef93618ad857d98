import { CanActivate, ExecutionContext, ForbiddenException, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Authenticator, permits, Principal } from './principal';
import { accessTo, RouteAccess } from './route-access';

/** Lets a request through to a route that is public, or whose permission its principal has. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly authenticator: Authenticator) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = accessTo(context);
    if (access.isPublic) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const found = this.authenticator.authenticate(request);
    return found instanceof Promise
      ? found.then((principal) => admit(principal, access, request))
      : admit(found, access, request);
  }
}

function admit(principal: Principal, { permission, ofTenant }: RouteAccess, request: FastifyRequest): true {
  if (ofTenant && !principal.tenantId) {
    throw new ForbiddenException({
      code: 'no_tenant',
      message: 'This needs a tenant, and you have signed in to none.',
    });
  }
  if (!permission && !principal.isPerson) {
    throw new ForbiddenException({
      code: 'people_only',
      message: 'This is for people who have signed in, not for keys.',
    });
  }
  if (permission && !permits(principal.permissions, permission)) {
    throw new ForbiddenException({ code: 'forbidden', message: `This needs the permission ${permission}.` });
  }
  request.principal = principal;
  return true;
}
