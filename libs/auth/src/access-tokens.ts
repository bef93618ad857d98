import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto';
import { Injectable, OnModuleInit } from '@nestjs/common';
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import { Settings } from '@app/config';
import { KeysService } from '@app/tenancy';
import type { Role } from './roles';

export const ACCESS_SECONDS = 600;

/** What an access token says: whose it is, of which session, and in which tenant as what. */
export interface Claims {
  /** The id of the login. */
  sub: string;
  /** The id of the session. */
  sid: string;
  /** The id of the tenant. */
  tid?: string;
  roles: Role[];
}

/** The same of a token that we signed, and until when, in milliseconds since 1970. */
export type Verified = Claims & { exp: number };

/** Signs access tokens (JWT, EdDSA or ES256 as the key is), and believes only those it signed. */
@Injectable()
export class AccessTokens implements OnModuleInit {
  private signing: { key: KeyObject; alg: string; kid: string };
  private known: { keys: JWK[] } = { keys: [] };
  private find: ReturnType<typeof createLocalJWKSet>;

  constructor(
    private readonly settings: Settings,
    private readonly keys: KeysService,
  ) {}

  async onModuleInit(): Promise<void> {
    const { jwtPrivateKey, jwtPreviousKey } = this.settings;
    const key = createPrivateKey(jwtPrivateKey ?? (await this.keys.valueOf('jwt')));
    const current = await publicJwk(key);
    this.signing = { key, alg: current.alg!, kid: current.kid! };
    const previous = jwtPreviousKey ? [await publicJwk(createPublicKey(jwtPreviousKey))] : [];
    this.known = { keys: [current, ...previous.filter(({ kid }) => kid !== current.kid)] };
    this.find = createLocalJWKSet(this.known);
  }

  /** The public keys that tokens are checked with (RFC 7517): the present one, and the one before it. */
  get publicKeys(): { keys: JWK[] } {
    return this.known;
  }

  sign({ sub, ...claims }: Claims): Promise<string> {
    const { key, alg, kid } = this.signing;
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
      .setSubject(sub)
      .setIssuer(this.settings.baseUrl)
      .setAudience(this.settings.baseUrl)
      .setIssuedAt()
      .setExpirationTime(`${ACCESS_SECONDS}s`)
      .sign(key);
  }

  /** What a token says. Rejects for any that we did not sign, or not for this. */
  async verify(token: string): Promise<Verified> {
    const { payload } = await jwtVerify<Verified>(token, this.find, {
      algorithms: ['EdDSA', 'ES256'],
      issuer: this.settings.baseUrl,
      audience: this.settings.baseUrl,
      typ: 'at+jwt',
      requiredClaims: ['sub', 'sid', 'exp'],
    });
    return { ...payload, exp: payload.exp * 1_000 };
  }
}

async function publicJwk(key: KeyObject): Promise<JWK> {
  const jwk = await exportJWK(key.type === 'private' ? createPublicKey(key) : key);
  const alg = jwk.crv === 'P-256' ? 'ES256' : 'EdDSA';
  return { ...jwk, alg, use: 'sig', kid: await calculateJwkThumbprint(jwk) };
}
