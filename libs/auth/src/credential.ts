import { UnauthorizedException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '@app/access';
import type { ExactLimits } from './rate-limits/exact-limits';
import { Outdated } from './refusals';

/** Who a credential is of, and when it expires, in milliseconds since 1970. */
export interface Credential {
  principal: Principal;
  expiresAt: number;
}

/** Who a credential turns out to be of. One that never was anybody's counts against the address it comes from: in the end 429. */
export async function principalOf(
  asked: Promise<Credential>,
  { ip }: FastifyRequest,
  limits: ExactLimits,
): Promise<Principal> {
  try {
    return (await asked).principal;
  } catch (refusal) {
    if (refusal instanceof UnauthorizedException && !(refusal instanceof Outdated)) await limits.failCredential(ip);
    throw refusal;
  }
}
