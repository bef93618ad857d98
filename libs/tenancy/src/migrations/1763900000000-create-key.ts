import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateKey1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE key (
        name text CONSTRAINT "pk_Key" PRIMARY KEY,
        value text NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE key');
  }
}
