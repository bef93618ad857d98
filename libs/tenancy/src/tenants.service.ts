import { ForbiddenException, Injectable, NotFoundException, ServiceUnavailableException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Scope } from '@app/database';
import { Tenant } from './tenant.entity';

const REMEMBERED_MS = 5_000; // a suspended tenant must be shut out within five seconds everywhere

/** The registry: which tenants there are, where their data lives, and whether they may be served. */
@Injectable()
export class TenantsService {
  private readonly remembered = new Map<string, { tenant: Tenant; until: number }>();

  constructor(@InjectRepository(Tenant) private readonly tenants: Repository<Tenant>) {}

  /** Where work for the tenant called `name` may go. Throws 404, 403 or 503 where it may not go anywhere. */
  async scopeOf(name: string): Promise<Scope['tenant']> {
    const { id, schemaName, roleName, status } = await this.named(name);
    switch (status) {
      case 'active':
        return { id, schema: schemaName, role: roleName };
      case 'suspended':
        throw new ForbiddenException({ code: 'tenant_suspended', message: `Tenant ${name} is suspended.` });
      case 'deleting':
        throw new NotFoundException({ code: 'not_found', message: `Tenant ${name} does not exist.` });
      default:
        throw new ServiceUnavailableException({
          code: `tenant_${status}`,
          message: `Tenant ${name} cannot be served at the moment.`,
        });
    }
  }

  private async named(name: string): Promise<Tenant> {
    const known = this.remembered.get(name);
    if (known && known.until > Date.now()) return known.tenant;
    const tenant = await this.tenants.findOneBy({ name });
    if (!tenant) throw new NotFoundException({ code: 'not_found', message: `Tenant ${name} does not exist.` });
    this.remembered.set(name, { tenant, until: Date.now() + REMEMBERED_MS });
    return tenant;
  }
}
