import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem/problem';

/** Refuses query parameters where a handler reads none: whoever asks for `dryRun` must not be written for in earnest. */
@Injectable()
export class StrictQueryGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const [unknown] = Object.keys(context.switchToHttp().getRequest<FastifyRequest>().query as object);
    if (unknown !== undefined && !readsQuery(context)) {
      throw Problem.of([
        { status: 400, code: 'unknown_field', pointer: `/${unknown}`, detail: `${unknown} is not a parameter here.` },
      ]);
    }
    return true;
  }
}

function readsQuery(context: ExecutionContext): boolean {
  const parameters: object =
    Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), context.getHandler().name) ?? {};
  return Object.keys(parameters).some((key) => key.startsWith(`${RouteParamtypes.QUERY}:`)); // "4:0": kind and place
}
