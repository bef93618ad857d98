import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { DataSource, EntityManager, In, MoreThan, Not } from 'typeorm';
import { Settings } from '@app/config';
import { newId } from '@app/database';
import { Tenant, TenantsService } from '@app/tenancy';
import { ApiKey } from '../api-keys/api-key.entity';
import { insertUnlessThere } from '../insert-unless-there';
import { Login, normalized } from '../logins/login.entity';
import { Membership } from '../logins/membership.entity';
import { Letters } from '../mail/letters';
import { Passwords } from '../passwords/passwords';
import { ExactLimits } from '../rate-limits/exact-limits';
import { TooManyTries } from '../rate-limits/limit';
import { invalidToken, signUpClosed, wrongPassword } from '../refusals';
import type { Role } from '../roles';
import { DAY, digestOf, inTime, newSecret } from '../secrets';
import { Session } from '../sign-in/session.entity';
import { Invitation } from './invitation.entity';

/** Who works in a tenant, and who is invited to. What is done for a tenant fails as all else does while it is not served. */
@Injectable()
export class MembersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly settings: Settings,
    private readonly tenants: TenantsService,
    private readonly passwords: Passwords,
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
    if (!(await this.limits.mayInvite(tenantId))) throw new TooManyTries(3_600);
    if (!(await this.limits.mayMail('invitation', email))) throw new TooManyTries(3_600);
    if (await manager.existsBy(Membership, { tenantId, login: { email } })) {
      throw new ConflictException({ code: 'already_a_member', message: `${email} is a member of this tenant.` });
    }
    await manager.upsert(
      Invitation,
      { id: newId(), tenantId, email, role, tokenHash: digestOf(token), expiresAt: inTime(7 * DAY) },
      ['tenantId', 'email'],
    );
    this.letters.invite(email, title, token);
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

  /**
   * Makes whoever has the token of an invitation a member. An address without a login gets one, with `password`; one that
   * has a login must know its password, for the mailbox alone is not the login.
   */
  async accept(token: string, password: string): Promise<void> {
    const tokenHash = digestOf(token);
    if (!(await this.dataSource.manager.existsBy(Invitation, { tokenHash }))) throw invalidToken();
    const passwordHash = await this.passwords.hash(password);
    await this.dataSource.transaction(async (manager) => {
      const invitation = await manager.findOne(Invitation, {
        where: { tokenHash },
        lock: { mode: 'pessimistic_write' },
      });
      if (!invitation || invitation.expiresAt < new Date()) throw invalidToken();
      const { email, tenantId, role } = invitation;
      const login = await this.loginOf(email, password, passwordHash, manager);
      await insertUnlessThere(manager, Membership, { loginId: login.id, tenantId, role });
      await manager.delete(Invitation, invitation.id);
    });
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

  /** The login of an address: the one it has, if `password` is its own, else a new one with it. */
  private async loginOf(email: string, password: string, passwordHash: string, manager: EntityManager): Promise<Login> {
    const id = newId();
    if (this.settings.signUpMode !== 'closed') await insertUnlessThere(manager, Login, { id, email, passwordHash });
    const login = await manager.findOneBy(Login, { email });
    if (!login) throw signUpClosed();
    if (login.id !== id && !(await this.passwords.matches(password, login.passwordHash))) throw wrongPassword();
    return login;
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
