import { randomBytes } from 'node:crypto';
import { PREFIX, Stage } from '../stage';
import { Target } from './target';

/** The product as its image runs it: its own built main with the settings of production, in an installation of its own. */
export async function startOurs(stage: Stage, name: string, holds: number): Promise<Target> {
  const prefix = `${PREFIX}${name.toLowerCase()}_`;
  const table = stage.table(`${prefix}t_demo`);
  const target = await stage.start(name, holds, table, {
    main: 'api/src/main.js',
    env: {
      NODE_ENV: 'production',
      NODE_OPTIONS: '--enable-source-maps --max-semi-space-size=16',
      LOG_LEVEL: 'info',
      DATABASE_URL: stage.url(),
      SCHEMA_PREFIX: prefix,
      CURSOR_SECRET: randomBytes(32).toString('base64'),
    },
  });
  await table.leaveToUs();
  await table.hold(holds);
  return target;
}
