import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newToken, sweep } from './tokens';

/** A process's word that it still needs the server; it ends with the process at the latest. */
export class Lease {
  private readonly token = newToken();

  private constructor(private readonly leases: string) {}

  /** Takes a lease among those of the same server. */
  static take(leases: string): Lease {
    sweep(leases);
    const lease = new Lease(leases);
    writeFileSync(join(leases, lease.token), '');
    return lease;
  }

  /** Gives the lease up and says whether it was the last. */
  giveUp(): boolean {
    rmSync(join(this.leases, this.token), { force: true });
    return sweep(this.leases).length === 0;
  }
}
