import { generateKeyPairSync, randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import { Settings } from '@app/config';
import { openDatabase, withDataSource } from '@app/database';
import { migrationSets } from '../../../../ormconfig';
import { upTo } from '../books';
import { Kind, makeBooks, MAINS } from '../kinds';
import { PREFIX, Stage } from '../stage';
import { admit } from './admit';
import { Target } from './target';

const ADMITTED_AT_ONCE = 4;

/**
 * The product as its image runs it: its own built main with the settings of production, in an installation of its own. Its
 * books are of `kind`: standard ones, as those of the yardsticks, unless told.
 */
export async function startOurs(
  stage: Stage,
  name: string,
  holds: number,
  { tenants = 1, kind = 'standard' }: { tenants?: number; kind?: Kind } = {},
): Promise<Target> {
  const prefix = `${PREFIX}${name.toLowerCase().slice(0, 5)}_`; // a prefix is no longer than twelve letters
  const names = upTo(tenants, (n) => `bench${n}`);
  const tables = names.map((tenant) => stage.table(`${prefix}t_${tenant}`, kind));
  const target = await stage.start(name, holds, tables[0], {
    main: MAINS[kind],
    env: {
      NODE_ENV: 'production',
      NODE_OPTIONS: '--enable-source-maps --max-semi-space-size=16',
      LOG_LEVEL: 'info',
      PUBLIC_URL: 'http://127.0.0.1',
      DATABASE_URL: stage.url(),
      SCHEMA_PREFIX: prefix,
      CURSOR_SECRET: randomBytes(32).toString('base64'),
      JWT_PRIVATE_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      SMTP_URL: 'smtp://127.0.0.1:1', // nothing here sends mail
      MAIL_FROM: 'bench@example.com',
      RATE_LIMIT_REQUESTS: '1000000000', // counted all the same
    },
  });
  const settings = Settings.from({ NODE_ENV: 'test', DATABASE_URL: stage.url(), SCHEMA_PREFIX: prefix });
  const database = await openDatabase(settings, migrationSets, () => undefined);
  const few = pLimit(ADMITTED_AT_ONCE);
  const keys = await Promise.all(
    names.map((tenant) =>
      few(async () => {
        const key = await admit(database, tenant);
        await withDataSource(database, 'tenant', database.names.tenantSchema(tenant), (dataSource) =>
          dataSource.transaction(({ queryRunner }) => makeBooks(kind, queryRunner!)),
        );
        return key;
      }),
    ),
  );
  target.credentials = keys.map((key) => ({ 'x-api-key': key }));
  for (const table of tables) {
    await table.leaveToUs();
    await table.hold(holds);
  }
  return target;
}
