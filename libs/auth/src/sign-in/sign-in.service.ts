import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { NIL } from 'uuid';
import type { Principal } from '@app/access';
import { Login, normalized } from '../logins/login.entity';
import { Passwords } from '../passwords/passwords';
import { ExactLimits } from '../rate-limits/exact-limits';
import { sessionOver, wrongPassword } from '../refusals';
import { Device, SessionsService, Tokens } from './sessions.service';

const NOBODY = NIL; // the same is asked for an address that is unknown, lest the time tell

/** How a person becomes known: by an e-mail address and a password. */
@Injectable()
export class SignInService {
  constructor(
    @InjectRepository(Login) private readonly logins: Repository<Login>,
    private readonly passwords: Passwords,
    private readonly sessions: SessionsService,
    private readonly limits: ExactLimits,
  ) {}

  /** Throws the same 401, after the same work, for an address that is unknown and a password that is wrong; 429 after too many. */
  async signIn(email: string, password: string, device: Device, tenantId?: string): Promise<Tokens> {
    const account = normalized(email);
    const login = await this.logins.findOneBy({ email: account });
    const isStranger = !(await this.sessions.knows(login?.id ?? NOBODY, device));
    await this.limits.tryPassword(account, device.ip, isStranger);
    if (!(await this.passwords.matches(password, login?.passwordHash))) throw wrongPassword();
    await this.limits.wasRight(account, device.ip, isStranger);
    return this.sessions.open(login!, device, tenantId);
  }

  /** Ends the session a person is in and begins one in another of their tenants. */
  async switchTo(tenantId: string, { loginId, sessionId }: Principal, device: Device): Promise<Tokens> {
    const login = await this.logins.findOneBy({ id: loginId });
    if (!login) throw sessionOver();
    const tokens = await this.sessions.open(login, device, tenantId);
    if (sessionId) await this.sessions.end(loginId, sessionId);
    return tokens;
  }
}
