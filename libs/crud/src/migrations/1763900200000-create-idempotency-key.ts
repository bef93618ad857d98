import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateIdempotencyKey1763900200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency_key (
        id bytea CONSTRAINT "pk_IdempotencyKey" PRIMARY KEY,
        request_hash bytea NOT NULL,
        status smallint NOT NULL,
        headers jsonb NOT NULL,
        body text,
        expires_at timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX "ix_IdempotencyKey_ExpiresAt" ON idempotency_key (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_key');
  }
}
