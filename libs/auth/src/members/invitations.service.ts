import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { insertUnlessThere } from '../insert-unless-there';
import { Login } from '../logins/login.entity';
import { Membership } from '../logins/membership.entity';
import { PasswordTries } from '../passwords/password-tries';
import { Passwords } from '../passwords/passwords';
import { invalidToken, signUpClosed, wrongPassword } from '../refusals';
import { digestOf } from '../secrets';
import type { Device } from '../sign-in/sessions.service';
import { Invitation } from './invitation.entity';

/** How whoever is invited becomes a member. */
@Injectable()
export class InvitationsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly settings: Settings,
    private readonly passwords: Passwords,
    private readonly tries: PasswordTries,
  ) {}

  /**
   * Makes whoever has the token of an invitation a member. An address without a login gets one, with `password`; one that
   * has a login must know its password, for the mailbox alone is not the login.
   */
  async accept(token: string, password: string, device: Device): Promise<void> {
    const tokenHash = digestOf(token);
    // A login that comes or changes between the password's check, which is slow, and the transaction is tried anew.
    while (!(await this.join(tokenHash, password, device)));
  }

  private async join(tokenHash: Buffer, password: string, device: Device): Promise<boolean> {
    const { manager } = this.dataSource;
    const invited = await manager.findOneBy(Invitation, { tokenHash });
    if (!invited || invited.expiresAt < new Date()) throw invalidToken();
    const { email } = invited;
    const passwordHash = await this.proven(email, password, device);

    return this.dataSource.transaction(async (manager) => {
      const invitation = await manager.findOne(Invitation, {
        where: { tokenHash },
        lock: { mode: 'pessimistic_write' },
      });
      if (!invitation) throw invalidToken();
      const { id, tenantId, role } = invitation;
      if (this.settings.signUpMode !== 'closed') await insertUnlessThere(manager, Login, { email, passwordHash });
      const login = await manager.findOneBy(Login, { email, passwordHash }); // a hash has a salt: no two are the same
      if (!login) return false;
      await insertUnlessThere(manager, Membership, { loginId: login.id, tenantId, role });
      await manager.delete(Invitation, id);
      return true;
    });
  }

  /** The hash by which an address is let in with `password`: that of its login, if it is right, else the one of its login to be. */
  private async proven(email: string, password: string, device: Device): Promise<string> {
    const login = await this.dataSource.manager.findOneBy(Login, { email });
    if (!login && this.settings.signUpMode === 'closed') throw signUpClosed();
    if (!login) return this.passwords.hash(password);
    if (!(await this.tries.isRight(email, login, password, device))) throw wrongPassword();
    return login.passwordHash!;
  }
}
