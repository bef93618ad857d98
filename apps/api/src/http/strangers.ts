import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticator } from '@app/access';

const MOST = 16_384; // bytes: more than any form of ours

/** What is read of strangers is no longer than a form: who sends more says who they are before a byte of it is read. */
export function readLittleOfStrangers(fastify: FastifyInstance, authenticator: Authenticator): void {
  fastify.addHook('onRoute', (route) => {
    if (isForStrangers(route.url)) route.bodyLimit = Math.min(MOST, fastify.initialConfig.bodyLimit!);
  });
  // Of every request: Fastify would read the body of one that has no route, too.
  fastify.addHook('preParsing', async (request) => {
    if (mayBeLong(request) && !isForStrangers(request.routeOptions.url)) await authenticator.authenticate(request);
  });
}

const isForStrangers = (route?: string): boolean => route?.includes('/auth/') ?? false;

function mayBeLong({ headers }: FastifyRequest): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > MOST;
}
