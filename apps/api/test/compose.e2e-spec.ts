import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { Settings } from '@app/config';
import { Names } from '@app/database';

const ROOT = join(__dirname, '../../..');

interface Service {
  image?: string;
  command?: string[];
  build?: { context: string; dockerfile?: string; target?: string };
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  profiles?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: object;
}

interface ComposeFile {
  services: Record<string, Service>;
  configs?: Record<string, { content: string }>;
  volumes?: Record<string, unknown>;
}

/** A compose file as a fresh clone sees it, no variable being set. */
const read = (file: string): ComposeFile =>
  parse(readFileSync(join(ROOT, file), 'utf8').replace(/\$\{\w+:-([^}]*)\}/g, '$1'), { merge: true });

describe.each(['docker-compose.yml', 'docker-compose.dev.yml'])('%s', (file) => {
  const services = Object.entries(read(file).services);

  it('needs no variable, and says the same default wherever it names one', () => {
    const defaults = new Map<string, string>();
    for (const [text, name, value] of readFileSync(join(ROOT, file), 'utf8').matchAll(/\$\{?(\w+)(?::-([^}]*)\})?/g)) {
      expect({ text, value }).toEqual({ text, value: defaults.get(name) ?? expect.any(String) });
      defaults.set(name, value);
    }
  });

  it('publishes ports on this machine only', () => {
    for (const port of services.flatMap(([, { ports = [] }]) => ports)) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('mounts and builds only what exists', () => {
    for (const [, { build, volumes = [] }] of services) {
      const paths = volumes.map((volume) => volume.split(':')[0]).filter((path) => path.startsWith('.'));
      for (const path of [
        ...paths,
        ...(build?.context ? [join(build.context, build.dockerfile ?? 'Dockerfile')] : []),
      ]) {
        expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
      }
    }
  });

  it('sets nothing for the API that is not a setting, and no value that is refused', () => {
    const folder = mkdtempSync(join(tmpdir(), 'compose-'));
    const dotenv = join(folder, '.env'); // where, unlike in the environment, an unknown name is refused
    const { environment = {} } = read(file).services.api;
    try {
      writeFileSync(
        dotenv,
        Object.entries(environment)
          .map((setting) => setting.join('='))
          .join('\n'),
      );
      expect(() => Settings.from({}, dotenv)).not.toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('docker-compose.yml', () => {
  const { services, configs, volumes } = read('docker-compose.yml');
  const { db, api, dashboard, worker, pgadmin } = services;
  const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = db.environment!;

  it('is for development: production would refuse its passwords, each of them, and ask for secrets', () => {
    const asProduction = { ...api.environment, NODE_ENV: 'production' };
    expect(() => Settings.from(asProduction)).toThrow(
      /PUBLIC_URL must.*CURSOR_SECRET must.*JWT_PRIVATE_KEY must.*MAIL_FROM must.*DATABASE_URL holds.*DATABASE_ADMIN_URL holds/s,
    );
  });

  it('hands mail to what shows it', () => {
    const { hostname, port } = new URL(Settings.from({ ...api.environment }).smtpUrl!);
    expect(services).toHaveProperty(hostname);
    expect(port).toBe('1025');
  });

  it('gives the API the database beside it', () => {
    const settings = Settings.from({ HOST: '0.0.0.0', ...api.environment });
    const [app, admin] = [new URL(settings.databaseUrl!), new URL(settings.databaseAdminUrl!)];

    expect([app.host, app.pathname]).toEqual(['db:5432', `/${POSTGRES_DB}`]);
    expect([admin.host, admin.pathname]).toEqual(['db:5432', `/${POSTGRES_DB}`]);
    expect([admin.username, admin.password]).toEqual([POSTGRES_USER, POSTGRES_PASSWORD]);
    expect(app.username).toBe('app');
  });

  it('starts what needs the database once the database is healthy', () => {
    expect(db.healthcheck).toBeDefined();
    for (const { depends_on } of [api, worker, pgadmin])
      expect(depends_on).toEqual({ db: { condition: 'service_healthy' } });
  });

  it('has workers like the API, as many as are wanted: none has a name or a port that another could not have', () => {
    const { command, ...rest } = worker;
    const { ports, ...shared } = api;
    expect(command).toEqual(['node', 'dist/apps/worker/src/main.js']);
    expect(rest).toEqual(shared);
    expect(ports).toHaveLength(1);
  });

  it('shows the jobs, as the application and not as the administrator', () => {
    const { DATABASE_URL, PGBOSS_SCHEMA } = dashboard.environment!;
    const settings = Settings.from({ ...api.environment });
    expect(DATABASE_URL).toBe(settings.databaseUrl);
    expect(PGBOSS_SCHEMA).toBe(Names.of(settings).jobs);
    expect(dashboard.ports).toEqual([`${new URL(settings.jobsDashboardUrl!).host}:3000`]);
  });

  it('traces nothing unless asked to, and then has what takes it in and shows it', () => {
    expect(Settings.from({ ...api.environment }).otelExporterOtlpEndpoint).toBeUndefined();
    const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
    const [, host] = /OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/(\w+):4318 docker compose --profile observability up/.exec(
      text,
    )!;
    expect(services[host].profiles).toEqual(['observability']);
    const providers = parse(readFileSync(join(ROOT, 'docker/observability/provider.yaml'), 'utf8')).providers;
    const [, target] = services[host].volumes!.find((volume) => volume.includes('starter.json'))!.split(':');
    expect(target).toBe(`${providers[0].options.path}/starter.json`);
    expect(services[host].environment!.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(target);
  });

  it('keeps the data in a volume with a name', () => {
    const [volume, target] = db.volumes![0].split(':');
    expect(volumes).toHaveProperty([volume]);
    expect(target).toBe(db.environment!.PGDATA);
  });

  it('registers its database in pgAdmin, password and all', () => {
    const { Servers } = JSON.parse(readFileSync(join(ROOT, 'docker/pgadmin/servers.json'), 'utf8'));
    expect(Object.values(Servers)).toEqual([
      expect.objectContaining({ Host: 'db', Port: 5432, Username: POSTGRES_USER, MaintenanceDB: POSTGRES_DB }),
    ]);
    expect(configs!.pgpass.content.trim()).toBe(`db:5432:*:${POSTGRES_USER}:${POSTGRES_PASSWORD}`);
  });
});
