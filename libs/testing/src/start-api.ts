import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import supertest from 'supertest';
import { DataSource } from 'typeorm';
import { DEMO_LOGIN } from '@app/auth';
import { Api, connect } from '@app/client';
import { Settings } from '@app/config';
import { removeInstallation, Scope, UnitOfWork, withAdmin } from '@app/database';
import { DEMO_TENANT, SINGLE_TENANT, Tenant, TenantsService } from '@app/tenancy';
import { createApi } from '../../../apps/api/src/create-api';
import { migrationSets } from '../../../ormconfig';
import { NO_LIMITS } from './no-limits';
import { claim, freshPrefix, openTestDatabase } from './test-database';
import { watchedLog } from './watched-log';

/** An API of its own, listening on a free port, in schemas of its own that are gone when it is closed. */
export interface TestApi {
  app: NestFastifyApplication;
  url: string;
  adminUrl: string;
  prefix: string;
  /** The header that says the demonstration's login makes a request. */
  authorization: string;
  /** Requests of that login to this API, checked down to the wire. */
  http: ReturnType<typeof supertest.agent>;
  /** Requests of nobody. */
  anonymous: ReturnType<typeof supertest>;
  /** The same API through its generated client, where types matter more than the wire. */
  client: Api;
  /** Runs `work` as a unit of work of the tenant that requests run in. */
  inTenant<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Starts an API whose settings are those of tests, and `env` on top. */
export async function startApi(env: NodeJS.ProcessEnv = {}): Promise<TestApi> {
  const prefix = env.SCHEMA_PREFIX ?? freshPrefix();
  const settings = testSettings({ SCHEMA_PREFIX: prefix, ...env });
  const database = await openTestDatabase(settings, migrationSets, () => undefined);
  const claimed = await claim(database.adminUrl, prefix);
  try {
    const { app, url } = await openApi(settings);
    const close = async () => {
      await closeApi(app);
      await withAdmin(database.adminUrl, (client) => removeInstallation(client, prefix));
      await claimed.end();
      await database.release();
    };
    const { manager } = app.get(DataSource, { strict: false });
    const tenant = await manager.findOneBy(Tenant, { name: settings.hasOneTenant ? SINGLE_TENANT : DEMO_TENANT });
    const inTenant = async <T>(work: () => Promise<T>): Promise<T> => {
      const place = await app.get(TenantsService, { strict: false }).scopeOf(tenant!.id);
      const scope: Scope = { tenant: place, actor: 'test', requestId: 'test' };
      return app.get(UnitOfWork, { strict: false }).run(scope, work);
    };
    const authorization = settings.signsIn ? await signIn(url) : '';
    return {
      app,
      url,
      adminUrl: database.adminUrl,
      prefix,
      authorization,
      http: supertest.agent(url).set('Authorization', authorization),
      anonymous: supertest(url),
      client: connect(url, authorization),
      inTenant,
      close,
    };
  } catch (error) {
    await claimed.end();
    await database.release();
    throw error;
  }
}

/** An API on a free port, whose log is watched; `closeApi` ends it. */
export async function openApi(settings: Settings): Promise<Pick<TestApi, 'app' | 'url'>> {
  const app = await createApi(settings, watchedLog);
  await app.listen(0, '127.0.0.1').catch(async (error) => {
    await app.close();
    throw error;
  });
  return { app, url: (await app.getUrl()).replace('[::1]', '127.0.0.1') };
}

/** Ends an API, and throws if its log shows a secret. */
export async function closeApi(app: NestFastifyApplication): Promise<void> {
  await app.close();
  watchedLog.check();
}

/** The Authorization header of whoever signs in at `url`: the demonstration's login, unless another is named. */
export async function signIn(url: string, login: { email: string; password: string } = DEMO_LOGIN): Promise<string> {
  const { body } = await supertest(url).post('/api/v1/auth/sign-in').send(login).expect(200);
  return `Bearer ${body.accessToken}`;
}

/** The settings of a test: those of the environment the tests were started in, and `env` on top. */
export function testSettings(env: NodeJS.ProcessEnv = {}): Settings {
  return Settings.from({
    LOG_LEVEL: 'debug', // into the watched log
    ...process.env,
    NODE_ENV: 'test',
    PORT: '0',
    DATABASE_POOL_SIZE: '5',
    ...NO_LIMITS,
    ...env,
  });
}
