import 'reflect-metadata';
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  Min,
  MinLength,
  ValidateIf,
} from 'class-validator';
import { IsPrivateKey, IsPublicKey } from './keys';
import { readSettings } from './read-settings';
import { weaknessOf } from './weakness';

const POSTGRES_URL = { protocols: ['postgres', 'postgresql'], require_protocol: true, require_tld: false };
const LIKE_POSTGRES = { message: 'must be like postgres://login:password@host:5432/database' };
const SMTP_URL = { protocols: ['smtp', 'smtps'], require_protocol: true, require_tld: false };
const WEB_URL = { protocols: ['http', 'https'], require_protocol: true, require_tld: false };

/**
 * Everything that can be set from outside, and the only reader of the environment.
 * A property is its variable in camelCase: `databaseUrl` is DATABASE_URL. What its comment says stands in .env.example too.
 */
export class Settings {
  /** What kind of process this is; production refuses embedded Postgres. */
  @IsIn(['development', 'test', 'production'])
  readonly nodeEnv: string = 'development';

  /** The port the API listens on; 0 takes a free one. */
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly port: number = 8000;

  /** The address the API listens on. */
  @IsString()
  @Matches(/^\S+$/, { message: 'must be an address without spaces' })
  readonly host: string = '127.0.0.1';

  /** Where clients reach the API; with https, browsers are told to load everything by https. Unset: http://127.0.0.1:PORT, not in production. */
  @IsOptional()
  @IsUrl(WEB_URL, { message: 'must be like https://api.example.com' })
  readonly publicUrl?: string;

  /** Proxies whose X-Forwarded-For is believed: addresses or ranges, separated by commas. */
  @IsArray()
  @Matches(/^[0-9a-f.:]+(\/\d{1,3})?$|^(loopback|linklocal|uniquelocal)$/i, {
    each: true,
    message: 'must be addresses or ranges like 10.0.0.0/8, separated by commas',
  })
  readonly trustProxy: string[] = [];

  /** Web origins that may call the API from a browser, separated by commas. */
  @IsArray()
  @IsUrl(WEB_URL, { each: true, message: 'must be origins like https://example.com, separated by commas' })
  readonly corsOrigins: string[] = [];

  /** The database, as the application's login. Unset: embedded Postgres 16, in development and tests only. */
  @IsOptional()
  @IsUrl(POSTGRES_URL, LIKE_POSTGRES)
  readonly databaseUrl?: string;

  /** The database past any pooler, for locks and migrations. Unset: DATABASE_URL. */
  @IsOptional()
  @IsUrl(POSTGRES_URL, LIKE_POSTGRES)
  readonly databaseDirectUrl?: string;

  /** The database as a login that may create roles and schemas. Unset: DATABASE_DIRECT_URL. */
  @IsOptional()
  @IsUrl(POSTGRES_URL, LIKE_POSTGRES)
  readonly databaseAdminUrl?: string;

  /** How long to wait for the database at start, in seconds. */
  @IsInt()
  @Min(1)
  @Max(3_600)
  readonly databaseWaitSeconds: number = 60;

  /** Connections one process keeps at most; times REPLICAS it must fit max_connections. */
  @IsInt()
  @Min(1)
  @Max(1_000)
  readonly databasePoolSize: number = 10;

  /** How many processes share the database. */
  @IsInt()
  @Min(1)
  @Max(10_000)
  readonly replicas: number = 1;

  /** Where embedded Postgres keeps its data. Unset: .data/postgres. */
  @IsOptional()
  @IsString()
  readonly postgresDataDir?: string;

  /** Put before every schema and role name, so that several installations share one server. */
  @Matches(/^([a-z][a-z0-9_]{0,11})?$/, {
    message: 'must be at most 12 lower-case letters, digits and underscores, a letter first',
  })
  readonly schemaPrefix: string = '';

  /** A tenant for everyone who signs up (schema), or one for all (single). */
  @IsIn(['schema', 'single'])
  readonly tenancy: string = 'schema';

  /** One Postgres role per tenant (on), or none where the login may not create roles (off: weaker). */
  @IsIn(['on', 'off'])
  readonly tenantRoles: string = 'on';

  /** Whether the process brings the schemas up to date before it serves. */
  @IsBoolean()
  readonly migrateOnBoot: boolean = true;

  /** Which migrations the TypeORM command line works on. */
  @IsIn(['platform', 'tenant'])
  readonly migrationSet: string = 'tenant';

  /** Whose schema the TypeORM command line works on, with MIGRATION_SET=tenant. Unset: demo. */
  @IsOptional()
  @Matches(/^[a-z0-9_]{1,40}$/, { message: 'must be at most 40 lower-case letters, digits and underscores' })
  readonly migrationTenant?: string;

  /** How long a stopping API says that it is not ready and serves on all the same, in seconds, for balancers to notice. */
  @IsInt()
  @Min(0)
  @Max(600)
  readonly shutdownDelaySeconds: number = 0;

  /** How long a stopping process may take to finish what it has begun, in seconds. */
  @IsInt()
  @Min(0)
  @Max(600)
  readonly shutdownGraceSeconds: number = 10;

  /** Whether a change of one record must say of which version it is one (If-Match); else 428. */
  @IsBoolean()
  readonly requireIfMatch: boolean = false;

  /** How long the log of changes is kept, in days, 30 at least; 0 is for ever. */
  @IsInt()
  @ValidateIf(({ auditRetentionDays }: Settings) => auditRetentionDays !== 0)
  @Min(30)
  @Max(36_500)
  readonly auditRetentionDays: number = 0;

  /** The largest request body, in bytes; beyond it: 413. */
  @IsInt()
  @Min(1_024)
  @Max(1_073_741_824)
  readonly bodyLimitBytes: number = 33_554_432;

  /** The most items one bulk request may carry; beyond it: 413. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  readonly bulkMaxItems: number = 50_000;

  /** Authenticates the cursors of lists: a random text that all processes share. Unset: made once and kept in the database, not in production. */
  @IsOptional()
  @MinLength(32, { message: 'must be at least 32 random characters, such as openssl rand -base64 32 prints' })
  readonly cursorSecret?: string;

  /** Who signs people in: this API (local), or an OpenID provider whose access tokens it believes (oidc). */
  @IsIn(['local', 'oidc'])
  readonly authMode: string = 'local';

  /** With AUTH_MODE=oidc: the provider, as its tokens name it in `iss`. */
  @IsOptional()
  @IsUrl(WEB_URL, { message: 'must be like https://login.example.com' })
  readonly oidcIssuer?: string;

  /** With AUTH_MODE=oidc: what its tokens for this API name in `aud`. */
  @IsOptional()
  @IsString()
  readonly oidcAudience?: string;

  /** With AUTH_MODE=oidc: the claim that holds the id or the name of the tenant. */
  @IsString()
  readonly oidcTenantClaim: string = 'tid';

  /** With AUTH_MODE=oidc: the claim that holds the roles: owner, editor, viewer or platform-admin. */
  @IsString()
  readonly oidcRolesClaim: string = 'roles';

  /** Signs access tokens: a private key, Ed25519 or P-256, as PEM. Unset: made once and kept in the database, not in production. */
  @IsOptional()
  @IsPrivateKey()
  readonly jwtPrivateKey?: string;

  /** The key that signed before, as PEM: its tokens are believed until they expire. */
  @IsOptional()
  @IsPublicKey()
  readonly jwtPreviousKey?: string;

  /** Who may sign up: everybody (open), the invited (invite), nobody (closed). Unset: open, with TENANCY=single invite, in production closed. */
  @IsOptional()
  @IsIn(['open', 'invite', 'closed'])
  readonly signUp?: string;

  /** Requests that one address may make to /auth in a minute; beyond it: 429. */
  @IsInt()
  @Min(1)
  readonly rateLimitAuth: number = 60;

  /** Requests that one login or API key may make in a minute; beyond it: 429. */
  @IsInt()
  @Min(1)
  readonly rateLimitRequests: number = 6_000;

  /** Where mail is handed in. Unset: it is captured and shown on the landing page, not in production. */
  @IsOptional()
  @IsUrl(SMTP_URL, { message: 'must be like smtp://login:password@host:587' })
  readonly smtpUrl?: string;

  /** Whom mail is from. Unset: no-reply@localhost, not in production. */
  @IsOptional()
  @Matches(/@/, { message: 'must be an e-mail address, or one like "Books" <books@example.com>' })
  readonly mailFrom?: string;

  /** Whether the API does jobs too, and needs no worker. Unset: in development. */
  @IsOptional()
  @IsBoolean()
  readonly workerInApi?: boolean;

  /** Where the jobs can be looked at: in development the landing page links to it. Unset: no link. */
  @IsOptional()
  @IsUrl(WEB_URL, { message: 'must be like http://127.0.0.1:3000' })
  readonly jobsDashboardUrl?: string;

  /** Where traces and metrics are sent, by OTLP over HTTP. Unset: nothing is traced. */
  @IsOptional()
  @IsUrl(WEB_URL, { message: 'must be like http://127.0.0.1:4318' })
  readonly otelExporterOtlpEndpoint?: string;

  /** The port that /metrics is read at, for Prometheus; 0 takes a free one. Unset: nowhere. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly metricsPort?: number;

  /** The least important log lines still written. */
  @IsIn(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
  readonly logLevel: string = 'info';

  /** Log lines for machines (json) or for people (pretty). Unset: pretty in development, else json. */
  @IsOptional()
  @IsIn(['json', 'pretty'])
  readonly logFormat?: string;

  get isProduction(): boolean {
    return this.nodeEnv === 'production';
  }

  /** Who may sign up. */
  get signUpMode(): 'open' | 'invite' | 'closed' {
    const unset = this.isProduction ? 'closed' : this.hasOneTenant ? 'invite' : 'open';
    return (this.signUp ?? unset) as 'open';
  }

  /** Whether people sign in here, and not at an OpenID provider. */
  get signsIn(): boolean {
    return this.authMode === 'local';
  }

  get hasOneTenant(): boolean {
    return this.tenancy === 'single';
  }

  /** Whether this process does jobs. */
  get works(): boolean {
    return this.workerInApi ?? this.nodeEnv === 'development';
  }

  /** Where clients reach the API, without a slash at the end. */
  get baseUrl(): string {
    return (this.publicUrl ?? `http://127.0.0.1:${this.port}`).replace(/\/+$/, '');
  }

  /** Whom mail is from. */
  get sender(): string {
    return this.mailFrom ?? 'no-reply@localhost';
  }

  /** The same settings but for `changes`. */
  with(changes: Partial<Pick<Settings, 'schemaPrefix' | 'databasePoolSize'>>): Settings {
    return Object.assign(new Settings(), this, changes);
  }

  /** The settings in `env`, and in development those of the file `.env` where `env` is silent. Throws one sentence per problem. */
  static from(env: NodeJS.ProcessEnv, dotenv: string = '.env'): Settings {
    const readsFile = (env.NODE_ENV || 'development') === 'development' && existsSync(dotenv);
    return readSettings(Settings, env, readsFile ? parseEnv(readFileSync(dotenv, 'utf8')) : {}, crossChecks);
  }

  static ofThisProcess(): Settings {
    return Settings.from(process.env);
  }
}

/** What no single setting can know of itself. */
function* crossChecks(settings: Settings): Iterable<string> {
  if (!settings.databaseUrl && (settings.databaseDirectUrl || settings.databaseAdminUrl)) {
    yield 'DATABASE_DIRECT_URL and DATABASE_ADMIN_URL mean nothing without DATABASE_URL: set it too.';
  }
  if (settings.hasOneTenant && settings.signUp === 'open') {
    yield 'SIGN_UP=open gives everyone who signs up a tenant, and TENANCY=single has only one: set SIGN_UP to invite.';
  }
  if (!settings.signsIn && !(settings.oidcIssuer && settings.oidcAudience)) {
    yield 'AUTH_MODE=oidc needs OIDC_ISSUER and OIDC_AUDIENCE: whose tokens to believe, and which of them are for this API.';
  }
  for (const [name, url] of Object.entries(urlsWithPasswords(settings))) {
    if (isEncoded(url)) continue;
    yield `${name} holds a % that begins no code such as %40: in a login or password, type %25 for a %.`;
  }
  if (settings.isProduction) yield* productionChecks(settings);
}

/** What development makes up and production must be told, and told well. */
function* productionChecks(settings: Settings): Iterable<string> {
  if (!settings.publicUrl) {
    yield 'PUBLIC_URL must be set in production: the links in mails and in answers begin with it, and tokens name it.';
  }
  if (!settings.databaseUrl) {
    yield 'DATABASE_URL must be set in production: embedded Postgres is for development and tests.';
  }
  if (!settings.cursorSecret) {
    yield 'CURSOR_SECRET must be set in production, to the same text for all processes: openssl rand -base64 32 prints one.';
  }
  if (settings.signsIn && !settings.jwtPrivateKey) {
    yield 'JWT_PRIVATE_KEY must be set in production, to the same key for all processes: openssl genpkey -algorithm ed25519 prints one.';
  }
  if (settings.signsIn && !settings.smtpUrl) {
    yield 'SMTP_URL must be set in production: without mail nobody can choose a new password or accept an invitation.';
  }
  if (settings.signsIn && !settings.mailFrom) {
    yield 'MAIL_FROM must be set in production, to an address that your mail server may send from.';
  }
  if (settings.logFormat === 'pretty') {
    yield 'LOG_FORMAT=pretty is for people at a terminal: production writes json.';
  }
  const secrets = {
    CURSOR_SECRET: settings.cursorSecret,
    DATABASE_URL: passwordIn(settings.databaseUrl),
    DATABASE_DIRECT_URL: passwordIn(settings.databaseDirectUrl),
    DATABASE_ADMIN_URL: passwordIn(settings.databaseAdminUrl),
  };
  for (const [name, secret] of Object.entries(secrets)) {
    const weakness = secret !== undefined && weaknessOf(secret);
    if (weakness) yield `${name} holds a secret that ${weakness}: production needs one that nobody else knows.`;
  }
}

const urlsWithPasswords = ({ databaseUrl, databaseDirectUrl, databaseAdminUrl, smtpUrl }: Settings) => ({
  DATABASE_URL: databaseUrl,
  DATABASE_DIRECT_URL: databaseDirectUrl,
  DATABASE_ADMIN_URL: databaseAdminUrl,
  SMTP_URL: smtpUrl,
});

/** Whether every % in a URL begins a code that can be read. */
function isEncoded(url: string = ''): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

/** The password in a URL; none where it is left to a certificate or a file. */
const passwordIn = (url?: string): string | undefined =>
  (url && URL.canParse(url) && isEncoded(url) && decodeURIComponent(new URL(url).password)) || undefined;
