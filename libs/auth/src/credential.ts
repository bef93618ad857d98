import { UnauthorizedException } from '@nestjs/common';
import type { Principal } from '@app/access';

/** Who a credential is of, and when it expires, in milliseconds since 1970. */
export interface Credential {
  principal: Principal;
  expiresAt: number;
}

export const unauthorized = (code: string, message: string): UnauthorizedException =>
  new UnauthorizedException({ code, message });

/** Nobody says who makes the request. */
export const unauthenticated = (how: string): UnauthorizedException =>
  unauthorized('unauthenticated', `Sign in first: send ${how}.`);
