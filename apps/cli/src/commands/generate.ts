import { writeFile } from 'node:fs/promises';
import { findDrift, Drift } from '../drift';
import { say } from '../with-database';
import type { Command } from '.';

const FOLDERS = { platform: 'libs/tenancy/src/migrations', tenant: 'libs/domain/src/migrations' };

export const generate: Command = {
  help: 'write the migration that makes the schemas what the entities say: NAME, such as add-book-language',
  run: async ([name = '']) => {
    if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
      throw new Error('Name the migration after what it does, such as add-book-language.');
    const drifted = (await findDrift()).filter(({ up }) => up.length);
    if (!drifted.length) return say('There is nothing to migrate: the migrations make exactly what the entities say.');
    for (const drift of drifted) {
      const timestamp = Date.now();
      const file = `${FOLDERS[drift.kind]}/${timestamp}-${name}.ts`;
      await writeFile(file, await formatted(migrationText(name, timestamp, drift), file), { flag: 'wx' });
      say(`Wrote ${file}: read it before you run it.`);
    }
  },
};

function migrationText(name: string, timestamp: number, { up, down }: Drift): string {
  const className = name.replaceAll(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) + timestamp;
  const statements = (queries: string[]) =>
    queries.map((query) => `    await runner.query(\`${query.replaceAll(/[\\`]|\$\{/g, '\\$&')}\`);`).join('\n');
  return `import { MigrationInterface, QueryRunner } from 'typeorm';

export class ${className} implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
${statements(up)}
  }

  async down(runner: QueryRunner): Promise<void> {
${statements(down)}
  }
}
`;
}

/** In the project's own style, so that nothing is left to do but read it. */
async function formatted(text: string, file: string): Promise<string> {
  const { format, resolveConfig } = await import('prettier');
  return format(text, { ...(await resolveConfig(file)), parser: 'typescript' });
}
