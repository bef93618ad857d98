import { BadRequestException, ForbiddenException, UnauthorizedException } from '@nestjs/common';
import { errors } from 'jose';

export const unauthorized = (code: string, message: string): UnauthorizedException =>
  new UnauthorizedException({ code, message });

/** Nobody says who makes the request. */
export const unauthenticated = (how: string): UnauthorizedException =>
  unauthorized('unauthenticated', `Sign in first: send ${how}.`);

/** Refused as any other, though it was given to somebody once: nobody guesses by it. */
export class Outdated extends UnauthorizedException {}

/** Whoever makes the request was known, and is not any more. */
export const sessionOver = (): Outdated =>
  new Outdated({ code: 'session_over', message: 'This session is over: sign in again.' });

/** The access token is not what it should be, by what `cause` says; one that has only expired was signed all right. */
export function tokenRefused(cause: unknown, message: string): UnauthorizedException {
  const Refusal = cause instanceof errors.JWTExpired ? Outdated : UnauthorizedException;
  return new Refusal({ code: 'invalid_token', message });
}

/** The same for an address that is unknown. */
export const wrongPassword = (): UnauthorizedException =>
  unauthorized('wrong_credentials', 'The e-mail address or the password is wrong.');

/** The token is of no link that was mailed, or of one whose time is over. */
export const invalidToken = (): BadRequestException =>
  new BadRequestException({
    code: 'invalid_token',
    message: 'This link is not valid, or not any more: ask for a new one.',
  });

export const signUpClosed = (): ForbiddenException =>
  new ForbiddenException({ code: 'sign_up_closed', message: 'Nobody can sign up here without an invitation.' });
