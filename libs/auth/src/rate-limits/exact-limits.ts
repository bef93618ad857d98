import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { DATABASE, type Database } from '@app/database';
import { clientOf } from './client-of';
import { type Left, type Limit, TooManyTries } from './limit';

const WRONG_FROM_ONE_ADDRESS = { points: 10, duration: 15 * 60 }; // an account, from one address
const MAILS = { points: 10, duration: 60 * 60 }; // of one kind, to one address: nobody's mailbox is filled through us
const INVITATIONS = { points: 100, duration: 60 * 60 }; // of one tenant: nobody relays mail through us
const WRONG_FROM_STRANGERS = { points: 100, duration: 60 * 60 }; // an account, from all addresses it never signed in from

/** Limits that all processes count exactly, in the database: for what is worth guessing. */
@Injectable()
export class ExactLimits {
  readonly auth: Limit;
  private readonly byAddress: RateLimiterPostgres;
  private readonly wrongFromOneAddress: RateLimiterPostgres;
  private readonly wrongFromStrangers: RateLimiterPostgres;
  private readonly wrongCredentials: RateLimiterPostgres;
  private readonly mails: RateLimiterPostgres;
  private readonly invitations: RateLimiterPostgres;

  constructor(settings: Settings, @Inject(DATABASE) { names }: Database, dataSource: DataSource) {
    this.auth = { name: 'auth', most: settings.rateLimitAuth, windowSeconds: 60 };
    // Without the names it gives its statements: a pooler may lend the connection to another process.
    const query = async ({ text, values }: { text: string; values: unknown[] }) => {
      const rows = await dataSource.query<unknown[]>(text, values);
      return { rows, rowCount: rows.length };
    };
    const limiter = (keyPrefix: string, how: { points: number; duration: number; inMemoryBlockOnConsumed?: number }) =>
      new RateLimiterPostgres({
        ...how,
        keyPrefix,
        storeClient: { query },
        storeType: 'client',
        schemaName: names.platform,
        tableName: 'rate_limit',
        tableCreated: true, // by our migrations
        clearExpiredByTimeout: false, // Sweeper does
      });
    const { most: points, windowSeconds: duration } = this.auth;
    const byAddress = { points, duration, inMemoryBlockOnConsumed: points }; // whoever goes on then costs no statement
    this.byAddress = limiter('auth', byAddress);
    this.wrongCredentials = limiter('credential', byAddress);
    this.wrongFromOneAddress = limiter('wrong-here', WRONG_FROM_ONE_ADDRESS);
    this.wrongFromStrangers = limiter('wrong', WRONG_FROM_STRANGERS);
    this.mails = limiter('mail', MAILS);
    this.invitations = limiter('invitation', INVITATIONS);
  }

  /** Counts a request to `/auth` from an address. */
  request(ip: string): Promise<Left> {
    return consume(this.byAddress, clientOf(ip));
  }

  /**
   * Counts a try of a password, before it is known whether it is right, so that many at once gain nothing. Throws 429 when
   * there were too many. Strangers share a limit of an account; it does not touch an address that the account has signed in
   * from, so nobody can lock its owner out.
   */
  async tryPassword(account: string, ip: string, isStranger: boolean): Promise<void> {
    await mustHaveRoom(this.wrongFromOneAddress, `${digest(account)} ${clientOf(ip)}`);
    if (isStranger) await mustHaveRoom(this.wrongFromStrangers, digest(account));
  }

  /**
   * Counts an access token or API key that is of nobody. Throws 429 when an address sends too many; those that are somebody's
   * are let in from there all the same.
   */
  failCredential(ip: string): Promise<void> {
    return mustHaveRoom(this.wrongCredentials, clientOf(ip));
  }

  /** Counts a mail of some kind that a stranger has sent to an address; false when it had enough of them. */
  async mayMail(kind: 'sign-up' | 'reset', to: string): Promise<boolean> {
    return (await consume(this.mails, `${kind} ${digest(to)}`)).points >= 0;
  }

  /** Counts an invitation. Throws 429 when its tenant has sent, or its address has got, enough of them. */
  async invite(tenantId: string, to: string): Promise<void> {
    await mustHaveRoom(this.invitations, tenantId);
    await mustHaveRoom(this.mails, `invitation ${digest(to)}`);
  }

  /** Takes back what a password that was right has been counted as. */
  async wasRight(account: string, ip: string, isStranger: boolean): Promise<void> {
    await this.wrongFromOneAddress.delete(`${digest(account)} ${clientOf(ip)}`);
    if (isStranger) await this.wrongFromStrangers.reward(digest(account), 1);
  }
}

/** Counts one more, and says what is left: less than nothing for one too many. */
async function consume(limiter: RateLimiterPostgres, key: string): Promise<Left> {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(key);
    return { points: remainingPoints, ms: msBeforeNext };
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return { points: -1, ms: refusal.msBeforeNext };
    throw refusal; // the database's
  }
}

async function mustHaveRoom(limiter: RateLimiterPostgres, key: string): Promise<void> {
  const { points, ms } = await consume(limiter, key);
  if (points < 0) throw new TooManyTries(Math.ceil(ms / 1_000));
}

/** An address is somebody's data, and the table does not need it. */
const digest = (account: string): string => createHash('sha256').update(account).digest('base64url');
