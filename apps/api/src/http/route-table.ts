import type { FastifyInstance } from 'fastify';

/** Which methods each path knows: Fastify itself tells an unknown path and a wrong method apart no more than "not found". */
export class RouteTable {
  private readonly routes: { path: RegExp; methods: string[] }[] = [];

  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ url, method }) => {
      const path = new RegExp(`^${url.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/:[^/]+/g, '[^/]+')}$`);
      this.routes.push({ path, methods: [method].flat() });
    });
  }

  methodsOf(url: string): string[] {
    const path = url.split('?')[0];
    return [...new Set(this.routes.flatMap((route) => (route.path.test(path) ? route.methods : [])))].sort();
  }
}
