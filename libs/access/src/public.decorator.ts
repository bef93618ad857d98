import { ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';

const PUBLIC = 'access:public';

/** Opens a route, or all routes of a controller, to everyone; what it does belongs to no tenant. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(PUBLIC, true);

const known = new WeakMap<object, WeakMap<object, boolean>>(); // by controller and handler: decorators do not change

/** Whether the route about to run is open to everyone. */
export function isPublic(reflector: Reflector, context: ExecutionContext): boolean {
  const [handler, controller] = [context.getHandler(), context.getClass()];
  let routes = known.get(controller);
  if (!routes) known.set(controller, (routes = new WeakMap()));
  let isOpen = routes.get(handler);
  if (isOpen === undefined) {
    isOpen = reflector.getAllAndOverride<boolean | undefined>(PUBLIC, [handler, controller]) ?? false;
    routes.set(handler, isOpen);
  }
  return isOpen;
}
