import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticator } from '@app/access';

const MOST = 16_384; // bytes: more than any form of ours

/** What is read of strangers is no longer than a form: who sends more says who they are before a byte of it is read. */
export function readLittleOfStrangers(fastify: FastifyInstance, authenticator: Authenticator): void {
  fastify.addHook('onRoute', (route) => {
    if (route.url.includes('/auth/')) {
      route.bodyLimit = Math.min(MOST, fastify.initialConfig.bodyLimit!);
    } else if (!['GET', 'HEAD', 'OPTIONS'].includes(String(route.method))) {
      route.preParsing = async (request) => {
        if (mayBeLong(request)) await authenticator.authenticate(request);
      };
    }
  });
}

function mayBeLong({ headers }: FastifyRequest): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > MOST;
}
