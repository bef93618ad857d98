import { UnauthorizedException } from '@nestjs/common';
import type { Principal } from '@app/access';

/** Who a credential is of, and when it expires, in milliseconds since 1970. */
export interface Credential {
  principal: Principal;
  expiresAt: number;
}

export const unauthorized = (code: string, message: string): UnauthorizedException =>
  new UnauthorizedException({ code, message });

/** Whoever makes the request was known, and is not any more. */
export const sessionOver = (): UnauthorizedException =>
  unauthorized('session_over', 'This session is over: sign in again.');

/** Nobody says who makes the request. */
export const unauthenticated = (how: string): UnauthorizedException =>
  unauthorized('unauthenticated', `Sign in first: send ${how}.`);
