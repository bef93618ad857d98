import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateBook1763800100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE book (
        id uuid CONSTRAINT "pk_Book" PRIMARY KEY,
        identifier text NOT NULL CONSTRAINT "uc_Book_Identifier" UNIQUE,
        name text NOT NULL,
        author text NOT NULL,
        release_year int,
        average_rating double precision,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        version int NOT NULL
      )`);
    await runner.query('CREATE INDEX "ix_Book_CreatedAt_Id" ON book (created_at, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE book');
  }
}
