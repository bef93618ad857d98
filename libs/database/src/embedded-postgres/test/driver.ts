import { EmbeddedPostgres, type EmbeddedPostgresOptions } from '../index';

/** A process of its own that starts an embedded Postgres as its parent tells it, for tests that kill processes. */
process.once('message', (options: Omit<EmbeddedPostgresOptions, 'announce'>) => void run(options));

async function run(options: Omit<EmbeddedPostgresOptions, 'announce'>): Promise<void> {
  try {
    const announce = (sentence: string) => process.send!({ announced: sentence });
    const postgres = await EmbeddedPostgres.start({ ...options, announce });
    process.once('message', () => void postgres.release().then(() => process.disconnect()));
    process.send!({ adminUrl: postgres.adminUrl, started: postgres.started });
  } catch (error) {
    process.send!({ failed: (error as Error).message }, () => process.disconnect());
  }
}
