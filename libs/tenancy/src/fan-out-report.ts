import { Announce } from '@app/database';
import { Follow } from './follow';

const NAMED_AT_MOST = 10; // as many lines as are still read
const LINE_EVERY_MS = 5_000; // soon enough to see that it goes on

/** How far the migration of tenants has come, for people: few are named one by one, many are counted, failures always named. */
export class FanOutReport {
  private migrated = 0;
  private failed = 0;
  private nextLine = Date.now() + LINE_EVERY_MS;

  /** With `follow` nothing is counted in lines. */
  constructor(
    private readonly total: number,
    private readonly announce: Announce,
    private readonly follow?: Follow,
  ) {}

  succeeded(name: string, ran: string[]): void {
    this.migrated++;
    if (this.total <= NAMED_AT_MOST)
      this.announce(`Migrated tenant ${name}: ${ran.join(', ') || 'nothing was pending'}.`);
    else if (!this.follow && Date.now() >= this.nextLine) this.count();
    this.proceed();
  }

  setAside(name: string, reason: string): void {
    this.failed++;
    this.announce(`Set tenant ${name} aside, its migration failed: ${reason}`);
    this.proceed();
  }

  /** All have been tried. */
  finish(): void {
    if (this.total > NAMED_AT_MOST) this.count();
  }

  private proceed(): void {
    this.follow?.(this.migrated + this.failed, this.total);
  }

  private count(): void {
    const [migrated, total] = [this.migrated, this.total].map((n) => n.toLocaleString('en-US'));
    this.announce(`Migrated ${migrated} of ${total} tenants.`);
    this.nextLine = Date.now() + LINE_EVERY_MS;
  }
}
