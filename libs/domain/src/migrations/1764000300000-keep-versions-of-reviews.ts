import { MigrationInterface, QueryRunner } from 'typeorm';
import { appendOnlyTable, standardTable } from '@app/append-only';

export class KeepVersionsOfReviews1764000300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await appendOnlyTable(runner, 'review');
  }

  async down(runner: QueryRunner): Promise<void> {
    await standardTable(runner, 'review');
    await runner.query('DROP TABLE review_versions');
  }
}
