import { applyDecorators, ExecutionContext, SetMetadata, type Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants';
import { ApiBearerAuth, ApiOAuth2, ApiSecurity } from '@nestjs/swagger';

const ACCESS = 'access:who';
const WITHOUT_TENANT = 'access:without-tenant';

/** Opens a route, or all routes of a controller, to everyone; what it does belongs to no tenant. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(ACCESS, { isPublic: true } satisfies Access);

/**
 * Opens a route, or all routes of a controller, to whoever has `permission`, such as `books:write`; without one, to
 * people who have signed in, whatever they may do, and to no API key. One that begins with a colon is about what the controller serves: `:write` in `@Controller('books')`.
 */
export const Require = (permission?: string): MethodDecorator & ClassDecorator =>
  applyDecorators(
    SetMetadata(ACCESS, { isPublic: false, permission } satisfies Access),
    ApiBearerAuth(),
    ApiOAuth2([]),
    ...(permission ? [ApiSecurity('apiKey')] : []),
  );

/** Says that what a route does belongs to no tenant: it needs none, and no scope is opened for it. */
export const WithoutTenant = (): MethodDecorator & ClassDecorator => SetMetadata(WITHOUT_TENANT, true);

interface Access {
  isPublic: boolean;
  permission?: string;
}

/** Who may call a route, and whether a tenant is needed for it. */
export interface RouteAccess extends Access {
  ofTenant: boolean;
}

type Handler = (...args: never[]) => unknown;

/** Who may call `handler` of `controller`; undefined where nothing says so. */
export function accessOf(controller: Type, handler: Handler): RouteAccess | undefined {
  const said = (key: string): unknown => Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, controller);
  const access = said(ACCESS) as Access | undefined;
  if (!access) return undefined;
  const { isPublic, permission } = access;
  const subject = String(Reflect.getMetadata(PATH_METADATA, controller));
  return {
    isPublic,
    permission: permission?.startsWith(':') ? subject + permission : permission,
    ofTenant: !isPublic && !said(WITHOUT_TENANT),
  };
}

const known = new WeakMap<Type, Map<Handler, RouteAccess>>();

/** The same for the route about to run, found out once. Throws where nothing is said: nobody may. */
export function accessTo(context: ExecutionContext): RouteAccess {
  const [controller, handler] = [context.getClass(), context.getHandler() as Handler];
  let ofController = known.get(controller);
  if (!ofController) known.set(controller, (ofController = new Map()));
  let access = ofController.get(handler);
  if (!access) {
    access = accessOf(controller, handler);
    if (!access) throw new Error(`${controller.name}.${handler.name} does not say who may call it.`);
    ofController.set(handler, access);
  }
  return access;
}
