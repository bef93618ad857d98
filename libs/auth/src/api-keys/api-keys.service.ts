import { ForbiddenException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { permits, Principal } from '@app/access';
import { TenantsService } from '@app/tenancy';
import { ApiKey } from './api-key.entity';
import { newApiKey } from './new-api-key';

/** The keys that programs sign in to a tenant with. */
@Injectable()
export class ApiKeysService {
  constructor(
    @InjectRepository(ApiKey) private readonly keys: Repository<ApiKey>,
    private readonly tenants: TenantsService,
  ) {}

  /** Makes a key that may do no more than its maker; the text it is used by is told once, here. */
  async create(
    { loginId, tenantId, permissions }: Principal,
    { name, scopes, expiresAt }: Pick<ApiKey, 'name' | 'scopes' | 'expiresAt'>,
  ): Promise<{ made: ApiKey; key: string }> {
    await this.tenants.scopeOf(tenantId!);
    const beyond = scopes.find((scope) => !permits(permissions, scope));
    if (beyond) {
      throw new ForbiddenException({
        code: 'forbidden',
        message: `A key cannot have ${beyond}, which you do not have.`,
      });
    }
    const { key, ...stored } = newApiKey();
    const made = await this.keys.save(this.keys.create({ ...stored, loginId, tenantId, name, scopes, expiresAt }));
    return { made, key };
  }

  /** The keys of a tenant, in the order they were made. */
  async list(tenantId: string): Promise<ApiKey[]> {
    await this.tenants.scopeOf(tenantId);
    return this.keys.find({ where: { tenantId }, order: { id: 'ASC' } });
  }

  /** Takes a key out of use for good. Throws 404 when the tenant has no such key. */
  async remove(tenantId: string, id: string): Promise<void> {
    await this.tenants.scopeOf(tenantId);
    const { affected } = await this.keys.delete({ id, tenantId });
    if (!affected) throw new NotFoundException({ code: 'not_found', message: `There is no API key ${id}.` });
  }
}
