import { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The function that stands before every table of an append-only model. It lets through the trigger of `append-only-table.ts`,
 * which says by a setting of its own what it writes, and the updates of who erases; each of them only as its owner. Nobody
 * else: not the owner of the table, not a superuser, and not the cascade of a foreign key.
 */
export class CreateVersionGuard1764000200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        owner CONSTANT text := TG_ARGV[0];
        eraser CONSTANT text := TG_ARGV[1];
        projects CONSTANT text[] := TG_ARGV[2];
      BEGIN
        IF current_user = owner AND current_setting('app.projects', true) = TG_TABLE_NAME AND TG_OP = ANY(projects) THEN
          RETURN NULL;
        END IF;
        IF current_user = eraser AND current_setting('app.erases', true) = 'on' AND TG_OP = 'UPDATE' THEN
          RETURN NULL;
        END IF;
        RAISE insufficient_privilege USING
          MESSAGE = format('%s is append-only: %s is refused to everyone.', TG_TABLE_NAME, TG_OP),
          HINT = 'Insert a new version into the table of its versions.';
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION refuse_rewriting()');
  }
}
