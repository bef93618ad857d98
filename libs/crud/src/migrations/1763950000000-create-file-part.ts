import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateFilePart1763950000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE file_part (
        file uuid,
        number int,
        bytes bytea NOT NULL,
        kept_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT "pk_FilePart" PRIMARY KEY (file, number)
      )`);
    await runner.query('ALTER TABLE file_part ALTER bytes SET STORAGE EXTERNAL'); // to pack it would take longer than to write it
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE file_part');
  }
}
