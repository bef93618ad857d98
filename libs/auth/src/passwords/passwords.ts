import { Injectable, ServiceUnavailableException } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';

const AT_ONCE = 2; // each takes 19 MB and a thread of the four that also check signatures
const MOST_WAITING = 200; // some two seconds: whoever comes then had better come again

/** Turns passwords into Argon2id hashes, and knows them again. */
@Injectable()
export class Passwords {
  private readonly inTurn = pLimit(AT_ONCE);
  private readonly nobodys = this.hash('the password of nobody');

  hash(password: string): Promise<string> {
    return this.turn(() => hash(password)); // OWASP's parameters are the library's defaults: 19 MiB, 2 passes, 1 lane
  }

  /** Whether `password` is the one of `stored`; takes as long where nothing is stored, lest the time tell. */
  async matches(password: string, stored: string | null | undefined): Promise<boolean> {
    const known = stored ?? (await this.nobodys);
    const isRight = await this.turn(() => verify(known, password));
    return isRight && typeof stored === 'string';
  }

  private turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.inTurn.pendingCount < MOST_WAITING) return this.inTurn(work);
    throw new ServiceUnavailableException({ code: 'busy', message: 'Too many sign in at the moment: try again.' });
  }
}
