import { MigrationInterface, QueryRunner } from 'typeorm';

export class SoftDeleteCritic1763900300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE critic ADD deleted_at timestamptz(3), DROP CONSTRAINT "uc_Critic_Username"');
    await runner.query('CREATE UNIQUE INDEX "uc_Critic_Username" ON critic (username) WHERE deleted_at IS NULL');
    await runner.query('CREATE INDEX "uc_Critic_Username_Deleted" ON critic (username) WHERE deleted_at IS NOT NULL');
  }

  /** Fails where a deleted critic and another have one username: purge the deleted ones first. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX "uc_Critic_Username", "uc_Critic_Username_Deleted"');
    await runner.query('ALTER TABLE critic ADD CONSTRAINT "uc_Critic_Username" UNIQUE (username), DROP deleted_at');
  }
}
