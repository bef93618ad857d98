import { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexExpiry1763940000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX "ix_Session_ExpiresAt" ON session (expires_at)');
    await runner.query('CREATE INDEX "ix_RefreshToken_UsedAt" ON refresh_token (used_at)');
    await runner.query('CREATE INDEX "ix_Invitation_ExpiresAt" ON invitation (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX "ix_Session_ExpiresAt", "ix_RefreshToken_UsedAt", "ix_Invitation_ExpiresAt"');
  }
}
