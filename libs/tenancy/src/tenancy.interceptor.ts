import { CallHandler, ExecutionContext, Injectable, NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { from, lastValueFrom, Observable } from 'rxjs';
import { isPublic } from '@app/access';
import { UnitOfWork } from '@app/database';
import { DEMO_TENANT } from './migrate-all';
import { TenantsService } from './tenants.service';

/** Opens the scope of a request: what its handler does is one unit of work, committed before the answer is sent. */
@Injectable()
export class TenancyInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly tenants: TenantsService,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (isPublic(this.reflector, context)) return next.handle();
    return from(this.inScope(context.switchToHttp().getRequest<FastifyRequest>(), next));
  }

  private async inScope(request: FastifyRequest, next: CallHandler): Promise<unknown> {
    const tenant = await this.tenants.scopeOf(DEMO_TENANT); // until sign-in says whose request this is
    const scope = { tenant, actor: 'anonymous', requestId: request.id };
    return this.unitOfWork.run(scope, () => lastValueFrom(next.handle()));
  }
}
