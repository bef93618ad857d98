import { Injectable, ServiceUnavailableException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { Authenticator, Principal } from '@app/access';
import { Settings } from '@app/config';
import { oneByOne, Remembered, TenantsService } from '@app/tenancy';
import { type Credential, principalOf } from './credential';
import { ExactLimits } from './rate-limits/exact-limits';
import { tokenRefused, unauthenticated } from './refusals';
import { permissionsOf, ROLES } from './roles';

const BELIEVED_MS = 60_000; // the provider is asked nothing meanwhile, only which tenant is meant
const MOST_KNOWN = 10_000; // some 10 MB
const SIGNED_BY = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const PATIENCE_MS = 5_000; // for the provider to say where its keys are

/** Knows people by the access tokens of an OpenID provider (RFC 9068), and what they may do by two of the claims in them. */
@Injectable()
export class OidcAuthenticator extends Authenticator {
  private readonly known = new Remembered<Credential>(
    oneByOne((authorization) => this.personOf(authorization)),
    BELIEVED_MS,
    MOST_KNOWN,
    ({ expiresAt }) => expiresAt,
  );
  private readonly keys = new Remembered(oneByOne(keysOf), Infinity, 1);

  constructor(
    private readonly settings: Settings,
    private readonly tenants: TenantsService,
    private readonly limits: ExactLimits,
  ) {
    super();
  }

  authenticate(request: FastifyRequest): Principal | Promise<Principal> {
    const { authorization } = request.headers;
    if (!authorization) throw unauthenticated('a Bearer token');
    const found = this.known.get(authorization);
    return found instanceof Promise ? principalOf(found, request, this.limits) : found.principal;
  }

  private async personOf(authorization: string): Promise<Credential> {
    const [, token = ''] = /^Bearer ([\w.-]+)$/i.exec(authorization) ?? [];
    const claims = await this.verify(token);
    const named = claims[this.settings.oidcTenantClaim];
    const tenantId = await this.tenants.idOf(typeof named === 'string' ? named : undefined);
    const roles = [claims[this.settings.oidcRolesClaim] ?? []].flat();
    const role = ROLES.find((role) => roles.includes(role)) ?? null; // the one that may most
    const permissions = permissionsOf(tenantId ? role : null, roles.includes('platform-admin'));
    const principal = { actor: `oidc:${claims.sub}`, loginId: claims.sub!, isPerson: true, tenantId, permissions };
    return { principal, expiresAt: claims.exp! * 1_000 };
  }

  private async verify(token: string): Promise<JWTPayload> {
    const keys = await this.keys.get(this.settings.oidcIssuer!);
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: SIGNED_BY,
        issuer: this.settings.oidcIssuer,
        audience: this.settings.oidcAudience,
        requiredClaims: ['sub', 'exp'],
      });
      return payload;
    } catch (error) {
      if (isOfTheirs(error)) throw unreachable(error);
      throw tokenRefused(error, 'The access token is not valid, or not any more.');
    }
  }
}

/** Where the keys of `issuer` are, as its discovery document says (OpenID Connect Discovery 1.0). */
async function keysOf(issuer: string): Promise<ReturnType<typeof createRemoteJWKSet>> {
  try {
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const found = (await answer.json()) as { issuer?: string; jwks_uri: string };
    if (found.issuer !== issuer) throw new Error(`${url} is of ${found.issuer}, and OIDC_ISSUER says ${issuer}.`);
    return createRemoteJWKSet(new URL(found.jwks_uri));
  } catch (error) {
    throw unreachable(error);
  }
}

/** Whether it was the provider that failed, and not the token. */
const isOfTheirs = (error: unknown): boolean =>
  !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout || error.code === 'ERR_JOSE_GENERIC';

const unreachable = (cause: unknown): ServiceUnavailableException =>
  new ServiceUnavailableException(
    {
      code: 'provider_unavailable',
      message: 'The provider that signs people in cannot be asked for its keys: try again.',
    },
    { cause },
  );
