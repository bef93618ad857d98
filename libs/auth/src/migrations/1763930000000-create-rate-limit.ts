import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateRateLimit1763930000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rate_limit (
        key text CONSTRAINT "pk_RateLimit" PRIMARY KEY,
        points int NOT NULL DEFAULT 0,
        expire bigint
      )`);
    await runner.query('CREATE INDEX "ix_RateLimit_Expire" ON rate_limit (expire)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rate_limit');
  }
}
