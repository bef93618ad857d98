import { Injectable } from '@nestjs/common';
import { NIL } from 'uuid';
import { Login } from '../logins/login.entity';
import { ExactLimits } from '../rate-limits/exact-limits';
import { Device, SessionsService } from '../sign-in/sessions.service';
import { Passwords } from './passwords';

const NOBODY = NIL; // the same is asked for an address that is unknown, lest the time tell

/** Tries passwords, by whatever route they come, as often as the limits allow. */
@Injectable()
export class PasswordTries {
  constructor(
    private readonly passwords: Passwords,
    private readonly sessions: SessionsService,
    private readonly limits: ExactLimits,
  ) {}

  /** Whether `password` is that of the account `email`, whose login may be nobody's. Throws 429 after too many tries. */
  async isRight(email: string, login: Login | null, password: string, device: Device): Promise<boolean> {
    const isStranger = !(await this.sessions.knows(login?.id ?? NOBODY, device));
    await this.limits.tryPassword(email, device.ip, isStranger);
    if (!(await this.passwords.matches(password, login?.passwordHash))) return false;
    await this.limits.wasRight(email, device.ip, isStranger);
    return true;
  }
}
