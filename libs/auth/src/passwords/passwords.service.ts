import { ForbiddenException, Injectable } from '@nestjs/common';
import { DataSource, EntityManager, IsNull, Not } from 'typeorm';
import type { Principal } from '@app/access';
import { Login, normalized } from '../logins/login.entity';
import { Letters } from '../mail/letters';
import { ExactLimits } from '../rate-limits/exact-limits';
import { invalidToken, sessionOver } from '../refusals';
import { digestOf, HOUR, inTime, newSecret } from '../secrets';
import { Session } from '../sign-in/session.entity';
import { PasswordReset } from './password-reset.entity';
import { PasswordTries } from './password-tries';
import { Passwords } from './passwords';

/** How a login gets another password. Each way ends the sessions that others may have. */
@Injectable()
export class PasswordsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly passwords: Passwords,
    private readonly tries: PasswordTries,
    private readonly letters: Letters,
    private readonly limits: ExactLimits,
  ) {}

  /** Mails a link to choose a new password. Does the same work, and says nothing, where the address is unknown. */
  async forgot(address: string): Promise<void> {
    const email = normalized(address);
    const token = newSecret();
    const { manager } = this.dataSource;
    await manager.insert(PasswordReset, { tokenHash: digestOf(token), email, expiresAt: inTime(HOUR) });
    const [may, isKnown] = [await this.limits.mayMail('reset', email), await manager.existsBy(Login, { email })];
    if (!may) return;
    if (isKnown) await this.letters.resetPassword(email, token);
    else await this.letters.nothing();
  }

  /** Sets the password of the login a link was mailed to, and ends all its sessions. The link works once. */
  async reset(token: string, password: string): Promise<void> {
    const tokenHash = digestOf(token);
    if (!(await this.dataSource.manager.existsBy(PasswordReset, { tokenHash }))) throw invalidToken();
    const passwordHash = await this.passwords.hash(password);
    await this.dataSource.transaction(async (manager) => {
      const reset = await manager.findOne(PasswordReset, {
        where: { tokenHash },
        lock: { mode: 'pessimistic_write' },
      });
      const login = reset && reset.expiresAt > new Date() && (await manager.findOneBy(Login, { email: reset.email }));
      if (!login) throw invalidToken();
      await manager.delete(PasswordReset, { email: login.email });
      await manager.update(Login, login.id, { passwordHash }); // first: a sign-in under way waits for it, and fails
      await endSessions(manager, login.id);
    });
  }

  /** Sets another password for whoever knows the present one, and ends all their other sessions. */
  async change({ loginId, sessionId }: Principal, ip: string, current: string, next: string): Promise<void> {
    const login = await this.mustMatch(loginId, ip, current);
    const passwordHash = await this.passwords.hash(next);
    await this.dataSource.transaction(async (manager) => {
      const unchanged = { id: loginId, passwordHash: login.passwordHash! };
      const { affected } = await manager.update(Login, unchanged, { passwordHash }); // first: a sign-in under way waits for it, and fails
      if (!affected) throw sessionOver(); // it was reset meanwhile
      await manager.delete(PasswordReset, { email: login.email });
      await endSessions(manager, loginId, sessionId);
    });
  }

  /** The login, if `password` is its own: tried as often as when signing in. Throws 403 otherwise. */
  async mustMatch(loginId: string, ip: string, password: string): Promise<Login> {
    const login = await this.dataSource.manager.findOneBy(Login, { id: loginId });
    if (!login) throw sessionOver();
    if (await this.tries.isRight(login.email, login, password, { ip })) return login;
    throw new ForbiddenException({ code: 'wrong_password', message: 'This is not your password.' });
  }
}

/** Ends the sessions of a login, all but the one to `keep`. */
async function endSessions(manager: EntityManager, loginId: string, keep?: string): Promise<void> {
  const which = { loginId, endedAt: IsNull(), ...(keep && { id: Not(keep) }) };
  await manager.update(Session, which, { endedAt: new Date() });
}
