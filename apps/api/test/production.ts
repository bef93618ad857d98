import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { ScratchDatabase } from '@app/testing';

const aSecret = (): string => randomBytes(24).toString('base64url');

/** The settings of a production in `database`, which hands its mail in at `mailAddress`; its secrets are nobody else's. */
export function aProduction({ url, prefix }: ScratchDatabase, mailAddress: string) {
  const app = new URL(url);
  [app.username, app.password] = [`${prefix}app`, aSecret()];
  const { privateKey } = generateKeyPairSync('ed25519');
  return {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://books.example.com',
    DATABASE_URL: app.href,
    DATABASE_ADMIN_URL: url,
    SCHEMA_PREFIX: prefix,
    CURSOR_SECRET: aSecret(),
    JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    SMTP_URL: `smtp://books:${aSecret()}@${mailAddress}`,
    MAIL_FROM: '"Books" <books@example.com>',
    SIGN_UP: 'open',
    WORKER_IN_API: 'true',
  };
}
