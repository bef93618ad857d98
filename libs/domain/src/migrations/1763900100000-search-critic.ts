import { MigrationInterface, QueryRunner } from 'typeorm';

export class SearchCritic1763900100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX "tr_Critic_Name" ON critic USING gin (name extensions.gin_trgm_ops)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX "tr_Critic_Name"');
  }
}
