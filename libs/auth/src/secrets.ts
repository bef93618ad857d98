import { createHash, createHmac, randomBytes } from 'node:crypto';

/** A secret to hand out: 256 random bits, in 43 characters. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** What is stored of a secret: enough to know it again, and nobody guesses 256 bits, so no salt and no slow hash. */
export const digestOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** The secret that follows `secret`: whoever has only the database or only the secret cannot tell it. */
export const successorOf = (secret: string, salt: Buffer): string =>
  createHmac('sha256', secret).update(salt).digest('base64url');

export const newSalt = (): Buffer => randomBytes(32);

/** The instant that lies `ms` milliseconds ahead. */
export const inTime = (ms: number): Date => new Date(Date.now() + ms);

export const [HOUR, DAY] = [3_600_000, 86_400_000]; // ms
