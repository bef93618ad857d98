import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES = 16; // for one id
const POOL = Buffer.alloc(512 * BYTES); // to ask the system for 8 KiB costs hardly more than to ask for 16 bytes
let used = POOL.length;
let msecs = 0;
let seq = 0;

/** An id no one else will make, a UUID of version 7 (RFC 9562): each sorts after all that this process made before. */
export function newId(): string {
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  const random = POOL.subarray(used, (used += BYTES));
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    seq = random.readUInt32BE(6) >>> 1; // half of the range is left to count in
  } else seq++;
  return v7({ random, msecs, seq });
}
