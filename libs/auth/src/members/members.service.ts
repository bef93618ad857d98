import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { DataSource, EntityManager, In, MoreThan, Not } from 'typeorm';
import { newId } from '@app/database';
import { Tenant, TenantsService } from '@app/tenancy';
import { ApiKey } from '../api-keys/api-key.entity';
import { Login, normalized } from '../logins/login.entity';
import { Membership } from '../logins/membership.entity';
import { Letters } from '../mail/letters';
import { ExactLimits } from '../rate-limits/exact-limits';
import type { Role } from '../roles';
import { DAY, digestOf, inTime, newSecret } from '../secrets';
import { Session } from '../sign-in/session.entity';
import { Invitation } from './invitation.entity';

/** Who works in a tenant, and who is invited to. What is done for a tenant fails as all else does while it is not served. */
@Injectable()
export class MembersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tenants: TenantsService,
    private readonly letters: Letters,
    private readonly limits: ExactLimits,
  ) {}

  /** The members of a tenant with their logins, in the order they came. */
  async list(tenantId: string): Promise<Membership[]> {
    await this.tenants.scopeOf(tenantId);
    return this.dataSource.manager.find(Membership, {
      where: { tenantId },
      relations: { login: true },
      order: { createdAt: 'ASC' },
    });
  }

  /** Whether anybody works in a tenant. */
  hasAny(tenantId: string): Promise<boolean> {
    return this.dataSource.manager.existsBy(Membership, { tenantId });
  }

  /** Mails an invitation to join a tenant; it replaces an earlier one to the same address. */
  async invite(tenantId: string, address: string, role: Role): Promise<void> {
    await this.tenants.scopeOf(tenantId);
    const email = normalized(address);
    const token = newSecret();
    const { manager } = this.dataSource;
    const { title } = await manager.findOneByOrFail(Tenant, { id: tenantId });
    await this.limits.invite(tenantId, email);
    if (await manager.existsBy(Membership, { tenantId, login: { email } })) {
      throw new ConflictException({ code: 'already_a_member', message: `${email} is a member of this tenant.` });
    }
    await manager.upsert(
      Invitation,
      { id: newId(), tenantId, email, role, tokenHash: digestOf(token), expiresAt: inTime(7 * DAY) },
      ['tenantId', 'email'],
    );
    await this.letters.invite(email, title, token);
  }

  /** The invitations to a tenant that can still be taken, the oldest first. */
  async listInvited(tenantId: string): Promise<Invitation[]> {
    await this.tenants.scopeOf(tenantId);
    return this.dataSource.manager.find(Invitation, {
      where: { tenantId, expiresAt: MoreThan(new Date()) },
      order: { createdAt: 'ASC' },
    });
  }

  /** Takes an invitation back: its link works no more. Throws 404 when the tenant has no such invitation. */
  async uninvite(tenantId: string, id: string): Promise<void> {
    await this.tenants.scopeOf(tenantId);
    const { affected } = await this.dataSource.manager.delete(Invitation, { id, tenantId });
    if (!affected) throw new NotFoundException({ code: 'not_found', message: `There is no invitation ${id}.` });
  }

  /** Makes a member something else. Throws 409 for the last owner. */
  async changeRole(tenantId: string, id: string, role: Role): Promise<void> {
    await this.tenants.scopeOf(tenantId);
    await this.change(tenantId, id, role === 'owner', (manager) => manager.update(Membership, id, { role }));
  }

  /** Removes a member with their sessions and API keys in this tenant. Throws 409 for the last owner. */
  async remove(tenantId: string, id: string): Promise<void> {
    await this.tenants.scopeOf(tenantId);
    await this.change(tenantId, id, false, async (manager, { loginId }) => {
      await manager.delete(Membership, id);
      await manager.delete(Session, { loginId, tenantId });
      await manager.delete(ApiKey, { loginId, tenantId });
    });
  }

  /** Removes a login with all that is its own. Throws 409 where it is the last owner of a tenant. */
  async removeLogin(loginId: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      // Locked, it cannot become a member of one more tenant meanwhile.
      await manager.findOne(Login, { where: { id: loginId }, lock: { mode: 'pessimistic_write' } });
      const tenantIds = (await manager.findBy(Membership, { loginId })).map(({ tenantId }) => tenantId);
      await holdOwners(manager, tenantIds);
      for (const tenantId of tenantIds) await refuseLastOwner(manager, tenantId, loginId);
      await manager.delete(Login, loginId);
    });
  }

  private async change(
    tenantId: string,
    id: string,
    staysOwner: boolean,
    work: (manager: EntityManager, member: Membership) => Promise<unknown>,
  ): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await holdOwners(manager, [tenantId]);
      const member = await manager.findOneBy(Membership, { id, tenantId });
      if (!member) throw new NotFoundException({ code: 'not_found', message: `There is no member ${id}.` });
      if (!staysOwner) await refuseLastOwner(manager, tenantId, member.loginId);
      await work(manager, member);
    });
  }
}

/** Keeps who owns these tenants as it is until the transaction ends: whoever else wants to change it waits. */
async function holdOwners(manager: EntityManager, tenantIds: string[]): Promise<void> {
  await manager.find(Tenant, {
    select: { id: true },
    where: { id: In(tenantIds) },
    lock: { mode: 'for_no_key_update' }, // which lets others refer to the tenant
    order: { id: 'ASC' }, // as everybody does, so that no two wait for each other
  });
}

/** Throws 409 when `loginId` is the only owner of a tenant, whose owners are held. */
async function refuseLastOwner(manager: EntityManager, tenantId: string, loginId: string): Promise<void> {
  const owners = { tenantId, role: 'owner' as const };
  if (!(await manager.existsBy(Membership, { ...owners, loginId }))) return;
  if (await manager.existsBy(Membership, { ...owners, loginId: Not(loginId) })) return;
  throw new ConflictException({
    code: 'last_owner',
    message: 'A tenant must have an owner: make someone else an owner first.',
  });
}
