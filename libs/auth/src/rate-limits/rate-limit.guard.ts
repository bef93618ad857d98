import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ExactLimits } from './exact-limits';
import { hold } from './limit';
import { SharedCounts } from './shared-counts';

/** Holds everybody to the limits: who is known, by their login or API key; who wants to be, by their address. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    private readonly exact: ExactLimits,
    private readonly counts: SharedCounts,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const http = context.switchToHttp();
    const { principal, routeOptions, ip } = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (principal) {
      hold(reply, this.counts.limit, this.counts.add(principal.actor));
      return true;
    }
    return routeOptions.url?.includes('/auth/') ? this.holdStranger(ip, reply) : true;
  }

  private async holdStranger(ip: string, reply: FastifyReply): Promise<boolean> {
    hold(reply, this.exact.auth, await this.exact.request(ip));
    return true;
  }
}
