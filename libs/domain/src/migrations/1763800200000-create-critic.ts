import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateCritic1763800200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE critic (
        id uuid CONSTRAINT "pk_Critic" PRIMARY KEY,
        username text NOT NULL CONSTRAINT "uc_Critic_Username" UNIQUE,
        name text,
        bio text,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        version int NOT NULL
      )`);
    await runner.query('CREATE INDEX "ix_Critic_CreatedAt_Id" ON critic (created_at, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE critic');
  }
}
