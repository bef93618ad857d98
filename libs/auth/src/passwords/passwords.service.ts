import { ForbiddenException, Injectable } from '@nestjs/common';
import { DataSource, EntityManager, IsNull, LessThan, Not } from 'typeorm';
import type { Principal } from '@app/access';
import { Login, normalized } from '../logins/login.entity';
import { Letters } from '../mail/letters';
import { ExactLimits } from '../rate-limits/exact-limits';
import { digestOf, HOUR, inTime, newSecret } from '../secrets';
import { Session } from '../sign-in/session.entity';
import { invalidToken } from '../sign-up/sign-up.service';
import { PasswordReset } from './password-reset.entity';
import { Passwords } from './passwords';

/** How a login gets another password. Each way ends the sessions that others may have. */
@Injectable()
export class PasswordsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly passwords: Passwords,
    private readonly letters: Letters,
    private readonly limits: ExactLimits,
  ) {}

  /** Mails a link to choose a new password. Does the same work, and says nothing, where the address is unknown. */
  async forgot(address: string): Promise<void> {
    const email = normalized(address);
    const token = newSecret();
    const { manager } = this.dataSource;
    await manager.delete(PasswordReset, { expiresAt: LessThan(new Date()) });
    await manager.insert(PasswordReset, { tokenHash: digestOf(token), email, expiresAt: inTime(HOUR) });
    const [may, isKnown] = [await this.limits.mayMail(email), await manager.existsBy(Login, { email })];
    if (may && isKnown) this.letters.resetPassword(email, token);
  }

  /** Sets the password of the login a link was mailed to, and ends all its sessions. The link works once. */
  async reset(token: string, password: string): Promise<void> {
    const passwordHash = await this.passwords.hash(password);
    await this.dataSource.transaction(async (manager) => {
      const tokenHash = digestOf(token);
      const reset = await manager.findOne(PasswordReset, {
        where: { tokenHash },
        lock: { mode: 'pessimistic_write' },
      });
      const login = reset && reset.expiresAt > new Date() && (await manager.findOneBy(Login, { email: reset.email }));
      if (!login) throw invalidToken();
      await manager.delete(PasswordReset, { email: login.email });
      await manager.update(Login, login.id, { passwordHash });
      await endSessions(manager, login.id);
    });
  }

  /** Sets another password for whoever knows the present one, and ends all their other sessions. */
  async change({ loginId, sessionId }: Principal, current: string, next: string): Promise<void> {
    await this.mustMatch(loginId, current);
    const passwordHash = await this.passwords.hash(next);
    await this.dataSource.transaction(async (manager) => {
      await manager.update(Login, loginId, { passwordHash });
      await endSessions(manager, loginId, sessionId);
    });
  }

  /** Throws 403 unless `password` is the one of the login. */
  async mustMatch(loginId: string, password: string): Promise<void> {
    const login = await this.dataSource.manager.findOneByOrFail(Login, { id: loginId });
    if (await this.passwords.matches(password, login.passwordHash)) return;
    throw new ForbiddenException({ code: 'wrong_password', message: 'This is not your password.' });
  }
}

/** Ends the sessions of a login, all but the one to `keep`. */
async function endSessions(manager: EntityManager, loginId: string, keep?: string): Promise<void> {
  const which = { loginId, endedAt: IsNull(), ...(keep && { id: Not(keep) }) };
  await manager.update(Session, which, { endedAt: new Date() });
}
