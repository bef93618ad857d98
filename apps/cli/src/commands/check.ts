import { findDrift } from '../drift';
import { say } from '../with-database';
import type { Command } from '.';

export const check: Command = {
  help: 'fail when the migrations and the entities disagree',
  run: async () => {
    const drifted = (await findDrift()).filter(({ up }) => up.length);
    if (!drifted.length) return say('The migrations make exactly what the entities say.');
    const lines = drifted.flatMap(({ kind, up }) => [`${kind}:`, ...up.map((query) => `  ${query};`)]);
    throw new Error(
      [
        'The entities say more than the migrations make; "npm run migration:generate -- NAME" writes what is missing:',
        ...lines,
      ].join('\n'),
    );
  },
};
