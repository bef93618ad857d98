import { MigrationInterface, QueryRunner } from 'typeorm';

export class AddTenantTitle1763910000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tenant ADD title text');
    await runner.query('UPDATE tenant SET title = name');
    await runner.query('ALTER TABLE tenant ALTER title SET NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tenant DROP title');
  }
}
