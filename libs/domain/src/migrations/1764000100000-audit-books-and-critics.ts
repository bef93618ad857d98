import { MigrationInterface, QueryRunner } from 'typeorm';
import { auditTable, stopAudit } from '@app/audit';

export class AuditBooksAndCritics1764000100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await auditTable(runner, 'book', { silent: ['average_rating'] });
    await auditTable(runner, 'critic');
  }

  async down(runner: QueryRunner): Promise<void> {
    await stopAudit(runner, 'critic');
    await stopAudit(runner, 'book');
  }
}
