import { Inject, Injectable } from '@nestjs/common';
import { escapeIdentifier as quote } from 'pg';
import { DataSource } from 'typeorm';
import { DATABASE, type Database, newestMigration } from '@app/database';

/** Whether the schemas are what this release expects; a schema that is ahead of it is fine. */
@Injectable()
export class Readiness {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  /** What keeps this process from serving, in a sentence. Throws when the database cannot be reached. */
  async obstacle(): Promise<string | undefined> {
    const { names, sets } = this.database;
    const platform = quote(names.platform);
    const [{ behind, late }] = await this.dataSource.query(
      `SELECT coalesce((SELECT max(timestamp) FROM ${platform}.migrations), 0) < $1 AS behind,
              (SELECT count(*)::int FROM ${platform}.tenant WHERE status = 'active' AND migrated_to < $2) AS late`,
      [newestMigration(sets.platform), newestMigration(sets.tenant)],
    );
    if (behind) return "The platform's schema is behind this release: run the migrations.";
    if (late) return `${late === 1 ? 'One tenant is' : `${late} tenants are`} behind this release: run the migrations.`;
    return undefined;
  }
}
