import { Inject, Injectable, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { DATABASE, type Database } from '@app/database';
import { DEMO_TENANT, provisionTenant, SINGLE_TENANT, Tenant } from '@app/tenancy';
import { insertUnlessThere } from './insert-unless-there';
import { Login } from './logins/login.entity';
import { Membership } from './logins/membership.entity';
import { Passwords } from './passwords/passwords';

/** Who everybody can sign in as, except in production: an owner of the tenant `demo`. */
export const DEMO_LOGIN = { email: 'demo@example.com', password: 'demo-password' } as const;

/** Makes the demonstration's tenant and login where there is none, and refuses to start production with them. */
@Injectable()
export class Demo implements OnModuleInit {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
    private readonly settings: Settings,
    private readonly passwords: Passwords,
  ) {}

  async onModuleInit(): Promise<void> {
    const { manager } = this.dataSource;
    const { email, password } = DEMO_LOGIN;
    if (this.settings.isProduction) {
      if (await manager.existsBy(Login, { email }))
        throw new Error(`Everybody knows the password of ${email}: take that login out before production starts.`);
      return;
    }
    const name = this.settings.hasOneTenant ? SINGLE_TENANT : DEMO_TENANT;
    if (await manager.existsBy(Membership, { login: { email }, tenant: { name } })) return;
    await provisionTenant(this.database, name);
    const tenant = await manager.findOneByOrFail(Tenant, { name });
    const passwordHash = await this.passwords.hash(password);
    // Others may start at the same time: whoever comes second finds both.
    await manager.transaction(async (manager) => {
      await insertUnlessThere(manager, Login, { email, passwordHash });
      const { id: loginId } = await manager.findOneByOrFail(Login, { email });
      await insertUnlessThere(manager, Membership, { loginId, tenantId: tenant.id, role: 'owner' });
    });
  }
}
