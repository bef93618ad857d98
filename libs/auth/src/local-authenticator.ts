import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { Authenticator, permits, Principal } from '@app/access';
import { Remembered } from '@app/tenancy';
import { AccessTokens, type Verified } from './access-tokens';
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

/** What the database says of a session that has not ended. */
interface SessionFound {
  id: string;
  loginId: string;
  tenantId: string | null;
  isPlatformAdmin: boolean;
  role: Role | null;
}

/** What it says of a key, and of the one who made it. */
type KeyFound = Pick<ApiKey, 'id' | 'loginId' | 'tenantId' | 'secretHash' | 'scopes' | 'expiresAt'> & { role: Role };

/** Knows people by our access tokens and programs by their API keys, and asks the database anew every few seconds. */
@Injectable()
export class LocalAuthenticator extends Authenticator {
  private readonly people = remembering((authorizations) => this.peopleOf(authorizations));
  private readonly programs = remembering((apiKeys) => this.programsOf(apiKeys));

  constructor(
    private readonly tokens: AccessTokens,
    private readonly dataSource: DataSource,
    private readonly limits: ExactLimits,
  ) {
    super();
  }

  authenticate(request: FastifyRequest): Principal | Promise<Principal> {
    const { authorization, 'x-api-key': apiKey } = request.headers;
    if (!authorization && typeof apiKey !== 'string') throw unauthenticated('a Bearer token or X-Api-Key');
    const found = authorization ? this.people.get(authorization) : this.programs.get(apiKey as string);
    return found instanceof Promise ? principalOf(found, request, this.limits) : found.principal;
  }

  private async peopleOf(authorizations: string[]): Promise<(Credential | Error)[]> {
    const all = await Promise.all(authorizations.map((authorization) => this.verified(authorization)));
    const ids = all.flatMap((claims) => (claims instanceof Error ? [] : [claims.sid]));
    const sessions = ids.length ? byId(await this.findSessions(ids)) : undefined;
    return all.map((claims) => (claims instanceof Error ? claims : personOf(claims, sessions?.get(claims.sid))));
  }

  private async programsOf(apiKeys: string[]): Promise<(Credential | Error)[]> {
    const all = apiKeys.map((apiKey) => /^ak_([0-9a-f-]{36})\.([\w-]{43})$/.exec(apiKey) ?? []);
    const ids = all.flatMap(([, id]) => (isUUID(id) ? [id] : []));
    const keys = ids.length ? byId(await this.findKeys(ids)) : undefined;
    return all.map(([, id, secret]) => programOf(secret, keys?.get(id)));
  }

  private async verified(authorization: string): Promise<Verified | Error> {
    const [, token = ''] = /^Bearer ([\w.-]+)$/i.exec(authorization) ?? [];
    const refused = 'The access token is not valid, or not any more: refresh it or sign in again.';
    return this.tokens.verify(token).catch((error: unknown) => tokenRefused(error, refused));
  }

  private findSessions(ids: string[]): Promise<SessionFound[]> {
    return this.dataSource.manager
      .createQueryBuilder(Session, 'session')
      .innerJoin('session.login', 'login')
      .leftJoin(Membership, 'membership', 'membership.login_id = login.id AND membership.tenant_id = session.tenant_id')
      .select([
        'session.id AS id',
        'session.login_id AS "loginId"',
        'session.tenant_id AS "tenantId"',
        'login.is_platform_admin AS "isPlatformAdmin"',
        'membership.role AS role',
      ])
      .where('session.id = ANY (:ids) AND session.ended_at IS NULL', { ids })
      .getRawMany();
  }

  /** None whose maker is no member any more. */
  private findKeys(ids: string[]): Promise<KeyFound[]> {
    return this.dataSource.manager
      .createQueryBuilder(ApiKey, 'key')
      .innerJoin(Membership, 'maker', 'maker.login_id = key.login_id AND maker.tenant_id = key.tenant_id')
      .select([
        'key.id AS id',
        'key.login_id AS "loginId"',
        'key.tenant_id AS "tenantId"',
        'key.secret_hash AS "secretHash"',
        'key.scopes AS scopes',
        'key.expires_at AS "expiresAt"',
        'maker.role AS role',
      ])
      .where('key.id = ANY (:ids)', { ids })
      .getRawMany();
  }
}

const remembering = (lookUp: (credentials: string[]) => Promise<(Credential | Error)[]>): Remembered<Credential> =>
  new Remembered(lookUp, BELIEVED_MS, MOST_KNOWN, ({ expiresAt }) => expiresAt);

const byId = <R extends { id: string }>(rows: R[]): Map<string, R> => new Map(rows.map((row) => [row.id, row]));

function personOf({ sid, sub, tid, exp }: Verified, session: SessionFound | undefined): Credential | Error {
  const { loginId, tenantId, role, isPlatformAdmin } = session ?? {};
  if (loginId !== sub || (tenantId ?? undefined) !== tid || (tid && !role)) return sessionOver();
  const permissions = permissionsOf(role ?? null, Boolean(isPlatformAdmin));
  const principal = { actor: `login:${sub}`, loginId: sub, isPerson: true, sessionId: sid, tenantId: tid, permissions };
  return { principal, expiresAt: exp };
}

/** What a key may do is what it was made for, and what the one who made it may still do. */
function programOf(secret: string, key: KeyFound | undefined): Credential | Error {
  const isRight =
    key && timingSafeEqual(key.secretHash, digestOf(secret)) && !(key.expiresAt && key.expiresAt < new Date());
  if (!isRight) return unauthorized('invalid_api_key', 'The API key is not valid, or not any more.');

  const { id, loginId, tenantId, role, scopes, expiresAt } = key;
  const held = permissionsOf(role, false);
  const permissions = scopes.filter((scope) => permits(held, scope));
  const principal = { actor: `api-key:${id}`, loginId, isPerson: false, tenantId, permissions };
  return { principal, expiresAt: expiresAt?.getTime() ?? Infinity };
}
