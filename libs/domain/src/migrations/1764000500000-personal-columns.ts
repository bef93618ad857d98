import { MigrationInterface, QueryRunner } from 'typeorm';
import { personalColumns } from '@app/erasure';

export class PersonalColumns1764000500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await personalColumns(runner, 'critic', ['username', 'name', 'bio']);
    await personalColumns(runner, 'review', ['title', 'body']);
  }

  async down(runner: QueryRunner): Promise<void> {
    await personalColumns(runner, 'review', []);
    await personalColumns(runner, 'critic', []);
  }
}
