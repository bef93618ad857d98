import { ForbiddenException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, EntityManager, IsNull, MoreThan, Repository } from 'typeorm';
import { ACCESS_SECONDS, AccessTokens } from '../access-tokens';
import { Login } from '../logins/login.entity';
import { Membership } from '../logins/membership.entity';
import { clientOf } from '../rate-limits/client-of';
import { sessionOver } from '../refusals';
import { DAY, digestOf, inTime, newSalt, newSecret, successorOf } from '../secrets';
import { RefreshToken } from './refresh-token.entity';
import { Session } from './session.entity';

const SESSION_MS = 30 * DAY; // without a refresh
const GRACE_MS = 10_000; // in which a used refresh token still gives its successor: answers get lost, and tabs refresh together

/** What a client signs its requests with, and gets the next of. */
export interface Tokens {
  accessToken: string;
  refreshToken: string;
  /** Seconds until the access token expires. */
  expiresIn: number;
  tokenType: 'Bearer';
}

/** The device somebody signs in on. */
export interface Device {
  ip: string;
  userAgent?: string;
}

/** Who is signed in where, and for how long. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tokens: AccessTokens,
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
  ) {}

  /**
   * Begins a session of `login` in a tenant: the one named, else the one it worked in last, else its first, else none. It may
   * take the place of another session, which then ends.
   */
  async open(login: Login, device: Device, tenantId?: string, insteadOf?: string): Promise<Tokens> {
    return this.dataSource.transaction(async (manager) => {
      if (insteadOf && !(await endOne(manager, login.id, insteadOf))) throw sessionOver();
      const membership = await membershipOf(manager, login, tenantId);
      const unchanged = { id: login.id, passwordHash: login.passwordHash ?? IsNull() };
      const { affected } = await manager.update(Login, unchanged, { lastTenantId: membership?.tenantId ?? null });
      if (!affected) throw sessionOver(); // it has another password by now
      const session = await manager.save(
        manager.create(Session, {
          loginId: login.id,
          tenantId: membership?.tenantId ?? null,
          lastUsedAt: new Date(),
          expiresAt: inTime(SESSION_MS),
          ip: device.ip,
          userAgent: device.userAgent?.slice(0, 200),
        }),
      );
      return this.tokensOf(session, membership, await issue(manager, session.id, newSecret()));
    });
  }

  /**
   * Gives the next tokens of a session for its last refresh token. One that was used before ends the whole session, for
   * then two have it and one of them is a thief; within ten seconds it gives the same successor once more.
   */
  async refresh(refreshToken: string): Promise<Tokens> {
    const hash = digestOf(refreshToken);
    const found = await this.dataSource.transaction(async (manager) => {
      const token = await manager.findOneBy(RefreshToken, { hash });
      // One at a time: whoever comes second finds the token used.
      const session = token && (await manager.findOne(Session, { where: { id: token.sessionId }, lock: FOR_UPDATE }));
      if (!session || session.endedAt || session.expiresAt < new Date()) return undefined;

      const { usedAt, salt } = await manager.findOneByOrFail(RefreshToken, { hash });
      const successor = successorOf(refreshToken, salt);
      if (!usedAt) {
        await manager.update(RefreshToken, { hash }, { usedAt: new Date() });
        await manager.update(Session, session.id, { lastUsedAt: new Date(), expiresAt: inTime(SESSION_MS) });
        await issue(manager, session.id, successor);
      } else if (Date.now() - usedAt.getTime() > GRACE_MS) {
        await manager.update(Session, session.id, { endedAt: new Date() });
        return undefined;
      }
      const { loginId, tenantId } = session;
      const membership = tenantId ? await manager.findOneBy(Membership, { loginId, tenantId }) : null;
      return tenantId && !membership ? undefined : this.tokensOf(session, membership, successor);
    });
    if (found) return found;
    throw sessionOver();
  }

  /** Whether a login has signed in from the device's address before, as limits count addresses. */
  async knows(loginId: string, { ip }: Device): Promise<boolean> {
    const known = await this.sessions
      .createQueryBuilder('session')
      .select('session.ip', 'ip')
      .distinct()
      .where({ loginId })
      .getRawMany<{ ip: string | null }>();
    return known.some((session) => clientOf(session.ip ?? '') === clientOf(ip));
  }

  /** The sessions of a login that have not ended, the latest first. */
  list(loginId: string): Promise<Session[]> {
    return this.sessions.find({
      where: { loginId, endedAt: IsNull(), expiresAt: MoreThan(new Date()) },
      order: { lastUsedAt: 'DESC' },
    });
  }

  /** Ends one session of a login. Throws 404 when it has no such session. */
  async end(loginId: string, id: string): Promise<void> {
    if (await endOne(this.dataSource.manager, loginId, id)) return;
    throw new NotFoundException({ code: 'not_found', message: `There is no session ${id}.` });
  }

  private async tokensOf(session: Session, membership: Membership | null, refreshToken: string): Promise<Tokens> {
    const accessToken = await this.tokens.sign({
      sub: session.loginId,
      sid: session.id,
      tid: session.tenantId ?? undefined,
      roles: membership ? [membership.role] : [],
    });
    return { accessToken, refreshToken, expiresIn: ACCESS_SECONDS, tokenType: 'Bearer' };
  }
}

const FOR_UPDATE = { mode: 'pessimistic_write' } as const;

async function endOne(manager: EntityManager, loginId: string, id: string): Promise<boolean> {
  const { affected } = await manager.update(Session, { id, loginId, endedAt: IsNull() }, { endedAt: new Date() });
  return affected === 1;
}

async function issue(manager: EntityManager, sessionId: string, secret: string): Promise<string> {
  await manager.insert(RefreshToken, { hash: digestOf(secret), sessionId, salt: newSalt() });
  return secret;
}

async function membershipOf(manager: EntityManager, login: Login, tenantId?: string): Promise<Membership | null> {
  const memberships = await manager.find(Membership, { where: { loginId: login.id }, order: { createdAt: 'ASC' } });
  const wanted = memberships.find((membership) => membership.tenantId === (tenantId ?? login.lastTenantId));
  if (tenantId && !wanted) {
    throw new ForbiddenException({ code: 'not_a_member', message: 'You are not a member of this tenant.' });
  }
  return wanted ?? memberships[0] ?? null;
}
