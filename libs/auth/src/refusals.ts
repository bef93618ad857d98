import { BadRequestException, ForbiddenException, UnauthorizedException } from '@nestjs/common';

export const unauthorized = (code: string, message: string): UnauthorizedException =>
  new UnauthorizedException({ code, message });

/** Nobody says who makes the request. */
export const unauthenticated = (how: string): UnauthorizedException =>
  unauthorized('unauthenticated', `Sign in first: send ${how}.`);

/** Whoever makes the request was known, and is not any more. */
export const sessionOver = (): UnauthorizedException =>
  unauthorized('session_over', 'This session is over: sign in again.');

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
