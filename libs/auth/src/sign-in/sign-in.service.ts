import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import type { Principal } from '@app/access';
import { Login, normalized } from '../logins/login.entity';
import { PasswordTries } from '../passwords/password-tries';
import { sessionOver, wrongPassword } from '../refusals';
import { Device, SessionsService, Tokens } from './sessions.service';

/** How a person becomes known: by an e-mail address and a password. */
@Injectable()
export class SignInService {
  constructor(
    @InjectRepository(Login) private readonly logins: Repository<Login>,
    private readonly tries: PasswordTries,
    private readonly sessions: SessionsService,
  ) {}

  /** Throws the same 401, after the same work, for an address that is unknown and a password that is wrong; 429 after too many. */
  async signIn(email: string, password: string, device: Device, tenantId?: string): Promise<Tokens> {
    const account = normalized(email);
    const login = await this.logins.findOneBy({ email: account });
    if (!(await this.tries.isRight(account, login, password, device))) throw wrongPassword();
    return this.sessions.open(login!, device, tenantId);
  }

  /** Ends the session a person is in and begins one in another of their tenants. */
  async switchTo(tenantId: string, { loginId, sessionId }: Principal, device: Device): Promise<Tokens> {
    const login = await this.logins.findOneBy({ id: loginId });
    if (!login) throw sessionOver();
    return this.sessions.open(login, device, tenantId, sessionId);
  }
}
