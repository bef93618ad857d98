import { Inject, Injectable } from '@nestjs/common';
import pLimit from 'p-limit';
import { DataSource, EntityManager } from 'typeorm';
import { Settings } from '@app/config';
import { DATABASE, type Database } from '@app/database';
import { provisionTenant, Tenant, TenantsService } from '@app/tenancy';
import { insertUnlessThere } from '../insert-unless-there';
import { Login, normalized } from '../logins/login.entity';
import { Membership } from '../logins/membership.entity';
import { Letters } from '../mail/letters';
import { Passwords } from '../passwords/passwords';
import { ExactLimits } from '../rate-limits/exact-limits';
import { invalidToken, signUpClosed } from '../refusals';
import { DAY, digestOf, inTime, newSecret } from '../secrets';
import { SignUp } from './sign-up.entity';

const PROVISIONED_AT_ONCE = 2; // each takes a connection beside the pool

/** How a stranger gets a login and a tenant of their own. */
@Injectable()
export class SignUpService {
  private readonly inTurn = pLimit(PROVISIONED_AT_ONCE);

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
    private readonly settings: Settings,
    private readonly passwords: Passwords,
    private readonly tenants: TenantsService,
    private readonly letters: Letters,
    private readonly limits: ExactLimits,
  ) {}

  /** Notes the wish and mails a link. Does the same work, and says nothing, where the address has a login already. */
  async signUp(address: string, password: string, tenantTitle: string): Promise<void> {
    if (this.settings.signUpMode !== 'open') throw signUpClosed();
    const email = normalized(address);
    const token = newSecret();
    const passwordHash = await this.passwords.hash(password);
    const { manager } = this.dataSource;
    await manager.save(
      manager.create(SignUp, { email, passwordHash, tenantTitle, tokenHash: digestOf(token), expiresAt: inTime(DAY) }),
    );
    const [may, isKnown] = [await this.limits.mayMail('sign-up', email), await manager.existsBy(Login, { email })];
    if (!may) return;
    if (isKnown) await this.letters.alreadySignedUp(email);
    else await this.letters.confirmSignUp(email, tenantTitle, token);
  }

  /** Makes the login and the tenant of a link; killed anywhere, the same link completes what was begun. */
  async verify(token: string): Promise<Tenant> {
    const tenant = await this.dataSource.transaction(async (manager) => {
      const signUp = await manager.findOne(SignUp, {
        where: { tokenHash: digestOf(token) },
        lock: { mode: 'pessimistic_write' },
      });
      if (!signUp || signUp.expiresAt < new Date()) throw invalidToken();
      if (signUp.tenantId) {
        const made = await manager.findOneBy(Tenant, { id: signUp.tenantId });
        if (!made) throw invalidToken(); // and deleted since
        return made;
      }
      if (this.settings.signUpMode !== 'open') throw signUpClosed(); // since the mail

      const login = await this.loginOf(signUp, manager);
      const tenant = await this.tenants.register(signUp.tenantTitle, manager);
      await manager.save(
        manager.create(Membership, { loginId: login.id, tenantId: tenant.id, role: 'owner' as const }),
      );
      await manager.update(SignUp, signUp.id, { tenantId: tenant.id });
      return tenant;
    });
    if (tenant.status === 'provisioning') await this.inTurn(() => provisionTenant(this.database, tenant.name));
    return tenant;
  }

  /** The login of an address that is proven now; one that was made meanwhile keeps its password. */
  private async loginOf({ email, passwordHash }: SignUp, manager: EntityManager): Promise<Login> {
    await insertUnlessThere(manager, Login, { email, passwordHash });
    return manager.findOneByOrFail(Login, { email });
  }
}
