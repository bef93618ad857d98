import { escapeIdentifier as quote, escapeLiteral } from 'pg';
import type { QueryRunner } from 'typeorm';

/** For a migration: whoever may write `table`, but for its owner, may only read it from now on. */
export async function readOnlyTable(runner: QueryRunner, table: string): Promise<void> {
  const regclass = `${escapeLiteral(quote(table))}::regclass`;
  await runner.query(`
    DO $$ DECLARE role text; BEGIN
      FOR role IN SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl)
                   WHERE oid = ${regclass} AND grantee NOT IN (0, relowner)
                         AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %s', ${regclass}, role);
      END LOOP;
    END $$`);
}
