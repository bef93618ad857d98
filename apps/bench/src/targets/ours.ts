import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Settings } from '@app/config';
import { openDatabase } from '@app/database';
import { migrationSets } from '../../../../ormconfig';
import { PREFIX, Stage } from '../stage';
import { admit } from './admit';
import { Target } from './target';

const TENANT = 'bench';

/** The product as its image runs it: its own built main with the settings of production, in an installation of its own. */
export async function startOurs(stage: Stage, name: string, holds: number): Promise<Target> {
  const prefix = `${PREFIX}${name.toLowerCase()}_`;
  const table = stage.table(`${prefix}t_${TENANT}`);
  const target = await stage.start(name, holds, table, {
    main: 'api/src/main.js',
    env: {
      NODE_ENV: 'production',
      NODE_OPTIONS: '--enable-source-maps --max-semi-space-size=16',
      LOG_LEVEL: 'info',
      DATABASE_URL: stage.url(),
      SCHEMA_PREFIX: prefix,
      CURSOR_SECRET: randomBytes(32).toString('base64'),
      JWT_PRIVATE_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      SMTP_URL: 'smtp://127.0.0.1:1', // nothing here sends mail
      RATE_LIMIT_REQUESTS: '1000000000', // counted all the same
    },
  });
  const settings = Settings.from({ NODE_ENV: 'test', DATABASE_URL: stage.url(), SCHEMA_PREFIX: prefix });
  const database = await openDatabase(settings, migrationSets, () => undefined);
  target.credentials = { 'x-api-key': await admit(database, TENANT) };
  await table.leaveToUs();
  await table.hold(holds);
  return target;
}
