import { CallHandler, ExecutionContext, Injectable, NestInterceptor } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import { from, lastValueFrom, Observable } from 'rxjs';
import { accessTo } from '@app/access';
import { UnitOfWork } from '@app/database';
import { TenantsService } from './tenants.service';

/** Opens the scope of a request: what its handler does is one unit of work, committed before the answer is sent. */
@Injectable()
export class TenancyInterceptor implements NestInterceptor {
  constructor(
    private readonly tenants: TenantsService,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (!accessTo(context).ofTenant) return next.handle();
    return from(this.inScope(context.switchToHttp().getRequest<FastifyRequest>(), next));
  }

  /** The tenant is the one of the verified token, and nothing else in the request can say another. */
  private async inScope(request: FastifyRequest, next: CallHandler): Promise<unknown> {
    const { tenantId, actor } = request.principal!;
    trace.getActiveSpan()?.setAttribute('tenant.id', tenantId!);
    const tenant = await this.tenants.scopeOf(tenantId!);
    const scope = { tenant, actor, requestId: request.id };
    return this.unitOfWork
      .run(scope, () => lastValueFrom(next.handle()))
      .catch((error) => this.tenants.explain(tenantId!, error));
  }
}
