import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { DATABASE, type Database } from '@app/database';
import type { Left, Limit } from './limit';

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
  private readonly mails: RateLimiterPostgres;
  private readonly invitations: RateLimiterPostgres;

  constructor(settings: Settings, @Inject(DATABASE) { names }: Database, dataSource: DataSource) {
    this.auth = { name: 'auth', most: settings.rateLimitAuth, windowSeconds: 60 };
    // Without the names it gives its statements: a pooler may lend the connection to another process.
    const query = async ({ text, values }: { text: string; values: unknown[] }) => {
      const rows = await dataSource.query<unknown[]>(text, values);
      return { rows, rowCount: rows.length };
    };
    const limiter = (keyPrefix: string, how: { points: number; duration: number }) =>
      new RateLimiterPostgres({
        ...how,
        keyPrefix,
        storeClient: { query },
        storeType: 'client',
        schemaName: names.platform,
        tableName: 'rate_limit',
        tableCreated: true, // by our migrations
        clearExpiredByTimeout: false, // SharedCounts sweeps the table
      });
    this.byAddress = limiter('auth', { points: this.auth.most, duration: this.auth.windowSeconds });
    this.wrongFromOneAddress = limiter('wrong-here', WRONG_FROM_ONE_ADDRESS);
    this.wrongFromStrangers = limiter('wrong', WRONG_FROM_STRANGERS);
    this.mails = limiter('mail', MAILS);
    this.invitations = limiter('invitation', INVITATIONS);
  }

  /** Counts a request to `/auth` from an address. */
  async request(ip: string): Promise<Left> {
    const { consumedPoints, msBeforeNext } = await consume(this.byAddress, ip);
    return { points: this.auth.most - consumedPoints, ms: msBeforeNext };
  }

  /**
   * Counts a try of a password, before it is known whether it is right, so that many at once gain nothing. Gives in how
   * many seconds one may try again; 0 for now. Strangers share a limit of an account; it does not touch an address that
   * the account has signed in from, so nobody can lock its owner out.
   */
  async tryPassword(account: string, ip: string, isStranger: boolean): Promise<number> {
    const here = await consume(this.wrongFromOneAddress, `${digest(account)} ${ip}`);
    if (here.isOver) return here.seconds;
    const anywhere = isStranger
      ? await consume(this.wrongFromStrangers, digest(account))
      : { isOver: false, seconds: 0 };
    return anywhere.isOver ? anywhere.seconds : 0;
  }

  /** Counts a mail of some kind that somebody else has sent to an address; false when it had enough of them. */
  async mayMail(kind: 'sign-up' | 'reset' | 'invitation', to: string): Promise<boolean> {
    return !(await consume(this.mails, `${kind} ${digest(to)}`)).isOver;
  }

  /** Counts an invitation that a tenant sends to whomever; false when it has sent enough of them. */
  async mayInvite(tenantId: string): Promise<boolean> {
    return !(await consume(this.invitations, tenantId)).isOver;
  }

  /** Takes back what a password that was right has been counted as. */
  async wasRight(account: string, ip: string, isStranger: boolean): Promise<void> {
    await this.wrongFromOneAddress.delete(`${digest(account)} ${ip}`);
    if (isStranger) await this.wrongFromStrangers.reward(digest(account), 1);
  }
}

interface Consumed {
  consumedPoints: number;
  msBeforeNext: number;
  isOver: boolean;
  seconds: number;
}

async function consume(limiter: RateLimiterPostgres, key: string): Promise<Consumed> {
  const { consumedPoints, msBeforeNext } = await limiter.consume(key).catch((refusal: unknown) => {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal; // the database's
  });
  return {
    consumedPoints,
    msBeforeNext,
    isOver: consumedPoints > limiter.points,
    seconds: Math.ceil(msBeforeNext / 1_000),
  };
}

/** An address is somebody's data, and the table does not need it. */
const digest = (account: string): string => createHash('sha256').update(account).digest('base64url');
