import { Inject, Injectable } from '@nestjs/common';
import { escapeIdentifier as quote } from 'pg';
import { DataSource } from 'typeorm';
import { DATABASE, type Database, migrationNames, newestMigration } from '@app/database';
import { MigrationsDto, StandingDto } from './platform.dto';

/** Which migrations each schema has, and which it lacks. */
@Injectable()
export class StandingsService {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly dataSource: DataSource,
  ) {}

  /** Where the platform stands and every tenant that is behind; those that are not are only counted. */
  async read(): Promise<MigrationsDto> {
    const { names, sets } = this.database;
    const platform = quote(names.platform);
    const [tenants, ofPlatform] = [timestampsOf(sets.tenant), timestampsOf(sets.platform)];
    const newest = newestMigration(sets.tenant);
    const standing = (row: Omit<StandingDto, 'behind'>, all: number[]): StandingDto => ({
      ...row,
      behind: all.filter((timestamp) => timestamp > row.migratedTo).length,
    });

    const [{ upToDate, migratedTo }] = await this.dataSource.query<{ upToDate: number; migratedTo: number }[]>(
      `SELECT (SELECT count(*)::int FROM ${platform}.tenant WHERE migrated_to >= $1) AS "upToDate",
              coalesce((SELECT max(timestamp)::float8 FROM ${platform}.migrations), 0) AS "migratedTo"`,
      [newest],
    );
    const behind = await this.dataSource.query<Omit<StandingDto, 'behind'>[]>(
      `SELECT name, status, migrated_to::float8 AS "migratedTo", error FROM ${platform}.tenant
        WHERE migrated_to < $1 ORDER BY name`,
      [newest],
    );
    return {
      platform: standing({ name: 'platform', status: 'active', migratedTo, error: null }, ofPlatform),
      upToDate,
      behind: behind.map((row) => standing(row, tenants)),
    };
  }
}

const timestampsOf = (set: Database['sets']['tenant']): number[] =>
  migrationNames(set).map((name) => Number.parseInt(name, 10));
