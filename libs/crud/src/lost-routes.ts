/** Nest drops an overridden route that does not repeat its decorator, silently; this says so at boot instead. */
export function refuseLostRoutes(controller: object, Shared: { prototype: object }): void {
  const isRoute = (holder: object, name: string) => Reflect.hasMetadata('path', Reflect.get(holder, name) ?? {});

  for (const name of Object.getOwnPropertyNames(Shared.prototype)) {
    if (isRoute(Shared.prototype, name) && !isRoute(controller, name)) {
      throw new Error(
        `${controller.constructor.name}.${name} overrides a route: repeat its decorator, such as @Post()`,
      );
    }
  }
}
