import { writeFile } from 'node:fs/promises';
import { describeApi } from '../../../api/src/openapi';
import { say } from '../with-database';
import type { Command } from '.';

export const openapi: Command = {
  help: 'write openapi.json from the code, without a database',
  run: async () => {
    await writeFile('openapi.json', `${JSON.stringify(await describeApi(), null, 2)}\n`);
    say('Wrote openapi.json.');
  },
};
