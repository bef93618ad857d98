import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { Authenticator, permits, Principal } from '@app/access';
import { Remembered } from '@app/tenancy';
import { AccessTokens } from './access-tokens';
import { ApiKey } from './api-keys/api-key.entity';
import { type Credential, principalOf } from './credential';
import { Membership } from './logins/membership.entity';
import { ExactLimits } from './rate-limits/exact-limits';
import { sessionOver, tokenRefused, unauthenticated, unauthorized } from './refusals';
import { permissionsOf, Role } from './roles';
import { digestOf } from './secrets';
import { Session } from './sign-in/session.entity';

const BELIEVED_MS = 4_000; // whatever is revoked must be so within five seconds everywhere
const MOST_KNOWN = 10_000; // some 10 MB; who is not among them is looked up again

/** Knows people by our access tokens and programs by their API keys, and asks the database anew every few seconds. */
@Injectable()
export class LocalAuthenticator extends Authenticator {
  private readonly known = new Remembered<Credential>(BELIEVED_MS, MOST_KNOWN, ({ expiresAt }) => expiresAt);

  constructor(
    private readonly tokens: AccessTokens,
    private readonly dataSource: DataSource,
    private readonly limits: ExactLimits,
  ) {
    super();
  }

  authenticate(request: FastifyRequest): Principal | Promise<Principal> {
    const { headers } = request;
    const { authorization } = headers;
    const credential = authorization ?? headers['x-api-key'];
    if (typeof credential !== 'string') throw unauthenticated('a Bearer token or X-Api-Key');
    const found = this.known.get(credential, () =>
      authorization ? this.personOf(authorization) : this.programOf(credential),
    );
    return found instanceof Promise ? principalOf(found, request, this.limits) : found.principal;
  }

  private async personOf(authorization: string): Promise<Credential> {
    const [, token = ''] = /^Bearer ([\w.-]+)$/i.exec(authorization) ?? [];
    const { sid, sub, tid, exp } = await this.tokens.verify(token).catch((error: unknown) => {
      throw tokenRefused(error, 'The access token is not valid, or not any more: refresh it or sign in again.');
    });
    const found = await this.dataSource.manager
      .createQueryBuilder(Session, 'session')
      .innerJoin('session.login', 'login')
      .leftJoin(Membership, 'membership', 'membership.login_id = login.id AND membership.tenant_id = session.tenant_id')
      .select([
        'login.is_platform_admin AS "isPlatformAdmin"',
        'membership.role AS role',
        'session.tenant_id AS "tenantId"',
      ])
      .where('session.id = :sid AND login.id = :sub AND session.ended_at IS NULL', { sid, sub })
      .getRawOne<{ isPlatformAdmin: boolean; role: Role | null; tenantId: string | null }>();
    if (!found || (found.tenantId ?? undefined) !== tid || (tid && !found.role)) {
      throw sessionOver();
    }
    const permissions = permissionsOf(found.role, found.isPlatformAdmin);
    const principal = {
      actor: `login:${sub}`,
      loginId: sub,
      isPerson: true,
      sessionId: sid,
      tenantId: tid,
      permissions,
    };
    return { principal, expiresAt: exp };
  }

  /** What a key may do is what it was made for, and what the one who made it may still do. */
  private async programOf(credential: string): Promise<Credential> {
    const [, id, secret] = /^ak_([0-9a-f-]{36})\.([\w-]{43})$/.exec(credential) ?? [];
    const key = isUUID(id) ? await this.findKey(id) : undefined;
    const isRight =
      key && timingSafeEqual(key.secretHash, digestOf(secret)) && !(key.expiresAt && key.expiresAt < new Date());
    if (!isRight) throw unauthorized('invalid_api_key', 'The API key is not valid, or not any more.');

    const held = permissionsOf(key.role, false);
    const permissions = key.scopes.filter((scope) => permits(held, scope));
    const { loginId, tenantId } = key;
    const principal = { actor: `api-key:${id}`, loginId, isPerson: false, tenantId, permissions };
    return { principal, expiresAt: key.expiresAt?.getTime() ?? Infinity };
  }

  /** A key, with the role of the one who made it; none where they are no member any more. */
  private findKey(id: string) {
    return this.dataSource.manager
      .createQueryBuilder(ApiKey, 'key')
      .innerJoin(
        Membership,
        'membership',
        'membership.login_id = key.login_id AND membership.tenant_id = key.tenant_id',
      )
      .select([
        'key.secret_hash AS "secretHash"',
        'key.scopes AS scopes',
        'key.expires_at AS "expiresAt"',
        'key.login_id AS "loginId"',
        'key.tenant_id AS "tenantId"',
        'membership.role AS role',
      ])
      .where('key.id = :id', { id })
      .getRawOne<Pick<ApiKey, 'secretHash' | 'scopes' | 'expiresAt' | 'loginId' | 'tenantId'> & { role: Role }>();
  }
}
