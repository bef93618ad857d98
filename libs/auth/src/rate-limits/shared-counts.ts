import { Inject, Injectable, Logger, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { escapeIdentifier as quote } from 'pg';
import { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import { DATABASE, type Database } from '@app/database';
import type { Left, Limit } from './limit';

const TOLD_EVERY_MS = 1_000;

interface Count {
  /** By this process, and not told yet. */
  own: number;
  /** By all processes, as of the last time. */
  told: number;
}

/**
 * Counts the requests of each login and API key, a minute at a time: at once in this process, and every second together
 * with all others, by one statement. A write per request would halve the speed of reading; so a limit may be overrun by
 * what the processes answer within a second.
 */
@Injectable()
export class SharedCounts implements OnModuleInit, OnApplicationShutdown {
  readonly limit: Limit;
  private readonly counts = new Map<string, Count>();
  private readonly logger = new Logger('RateLimit');
  private windowEnds = 0;
  private isTelling = false;
  private timer?: NodeJS.Timeout;

  constructor(
    settings: Settings,
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {
    this.limit = { name: 'requests', most: settings.rateLimitRequests, windowSeconds: 60 };
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.tell(), TOLD_EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Counts one request of `whose`. */
  add(whose: string): Left {
    const now = Date.now();
    if (now >= this.windowEnds) this.beginWindow(now);
    let count = this.counts.get(whose);
    if (!count) this.counts.set(whose, (count = { own: 0, told: 0 }));
    count.own++;
    return { points: this.limit.most - count.own - count.told, ms: this.windowEnds - now };
  }

  /** All processes begin theirs at the same time, by the clock. */
  private beginWindow(now: number): void {
    const length = this.limit.windowSeconds * 1_000;
    this.windowEnds = now - (now % length) + length;
    this.counts.clear();
  }

  /** Tells the others what was counted here, and hears what was counted there. */
  private async tell(): Promise<void> {
    const news = [...this.counts].filter(([, { own }]) => own > 0);
    if (!news.length || this.isTelling) return;
    news.sort(([one], [other]) => (one < other ? -1 : 1)); // as every process does, so that no two wait for each other
    this.isTelling = true;
    const [ends, told] = [this.windowEnds, news.map(([, { own }]) => own)];
    const table = `${quote(this.database.names.platform)}.rate_limit`;
    try {
      const rows = await this.dataSource.query<{ points: number }[]>(
        `INSERT INTO ${table} AS counted (key, points, expire)
         SELECT key, points, $3::bigint FROM unnest($1::text[], $2::int[]) AS news (key, points)
         ON CONFLICT (key) DO UPDATE SET points = counted.points + excluded.points
         RETURNING points`,
        [news.map(([whose]) => `requests ${whose} ${ends}`), told, ends],
      );
      if (ends !== this.windowEnds) return;
      for (const [n, [, count]] of news.entries()) {
        count.own -= told[n];
        count.told = rows[n].points;
      }
    } catch (error) {
      this.logger.warn(new Error('The requests could not be counted together.', { cause: error }));
    } finally {
      this.isTelling = false;
    }
  }
}
