import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateReview1763800300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE review (
        id uuid CONSTRAINT "pk_Review" PRIMARY KEY,
        title text NOT NULL,
        critic_id uuid NOT NULL CONSTRAINT "fk_Review_CriticId" REFERENCES critic (id) ON DELETE RESTRICT,
        book_id uuid NOT NULL CONSTRAINT "fk_Review_BookId" REFERENCES book (id) ON DELETE RESTRICT,
        rating smallint NOT NULL,
        body text,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        version int NOT NULL,
        CONSTRAINT "uc_Review_CriticId_BookId" UNIQUE (critic_id, book_id)
      )`);
    await runner.query('CREATE INDEX "ix_Review_CreatedAt_Id" ON review (created_at, id)');
    await runner.query('CREATE INDEX "ix_Review_BookId" ON review (book_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE review');
  }
}
