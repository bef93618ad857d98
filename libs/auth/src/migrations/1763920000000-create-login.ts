import { MigrationInterface, QueryRunner } from 'typeorm';

const RECORD = `
  id uuid CONSTRAINT "pk_%" PRIMARY KEY,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  version int NOT NULL`;
const record = (name: string): string => RECORD.replace('%', name);
const refersTo = (name: string, target: string): string =>
  `CONSTRAINT "fk_${name}" REFERENCES ${target} (id) ON DELETE CASCADE`;

export class CreateLogin1763920000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE login (${record('Login')},
        email text NOT NULL CONSTRAINT "uc_Login_Email" UNIQUE,
        password_hash text,
        is_platform_admin boolean NOT NULL DEFAULT false,
        last_tenant_id uuid
      )`);
    await runner.query(`
      CREATE TABLE membership (${record('Membership')},
        login_id uuid NOT NULL ${refersTo('Membership_LoginId', 'login')},
        tenant_id uuid NOT NULL ${refersTo('Membership_TenantId', 'tenant')},
        role text NOT NULL,
        CONSTRAINT "uc_Membership_LoginId_TenantId" UNIQUE (login_id, tenant_id)
      )`);
    await runner.query('CREATE INDEX "ix_Membership_TenantId" ON membership (tenant_id)');
    await runner.query(`
      CREATE TABLE session (${record('Session')},
        login_id uuid NOT NULL ${refersTo('Session_LoginId', 'login')},
        tenant_id uuid ${refersTo('Session_TenantId', 'tenant')},
        last_used_at timestamptz(3) NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        ended_at timestamptz(3),
        user_agent text,
        ip text
      )`);
    await runner.query('CREATE INDEX "ix_Session_LoginId" ON session (login_id)');
    await runner.query('CREATE INDEX "ix_Session_TenantId" ON session (tenant_id)');
    await runner.query(`
      CREATE TABLE refresh_token (
        hash bytea CONSTRAINT "pk_RefreshToken" PRIMARY KEY,
        session_id uuid NOT NULL ${refersTo('RefreshToken_SessionId', 'session')},
        salt bytea NOT NULL,
        used_at timestamptz(3)
      )`);
    await runner.query('CREATE INDEX "ix_RefreshToken_SessionId" ON refresh_token (session_id)');
    await runner.query(`
      CREATE TABLE sign_up (${record('SignUp')},
        email text NOT NULL,
        password_hash text NOT NULL,
        tenant_title text NOT NULL,
        token_hash bytea NOT NULL CONSTRAINT "uc_SignUp_TokenHash" UNIQUE,
        expires_at timestamptz(3) NOT NULL,
        tenant_id uuid
      )`);
    await runner.query('CREATE INDEX "ix_SignUp_ExpiresAt" ON sign_up (expires_at)');
    await runner.query(`
      CREATE TABLE password_reset (
        token_hash bytea CONSTRAINT "pk_PasswordReset" PRIMARY KEY,
        email text NOT NULL,
        expires_at timestamptz(3) NOT NULL
      )`);
    await runner.query('CREATE INDEX "ix_PasswordReset_ExpiresAt" ON password_reset (expires_at)');
    await runner.query(`
      CREATE TABLE invitation (${record('Invitation')},
        tenant_id uuid NOT NULL ${refersTo('Invitation_TenantId', 'tenant')},
        email text NOT NULL,
        role text NOT NULL,
        token_hash bytea NOT NULL CONSTRAINT "uc_Invitation_TokenHash" UNIQUE,
        expires_at timestamptz(3) NOT NULL,
        CONSTRAINT "uc_Invitation_TenantId_Email" UNIQUE (tenant_id, email)
      )`);
    await runner.query(`
      CREATE TABLE api_key (${record('ApiKey')},
        tenant_id uuid NOT NULL ${refersTo('ApiKey_TenantId', 'tenant')},
        login_id uuid NOT NULL ${refersTo('ApiKey_LoginId', 'login')},
        name text NOT NULL,
        secret_hash bytea NOT NULL,
        scopes text[] NOT NULL,
        expires_at timestamptz(3)
      )`);
    await runner.query('CREATE INDEX "ix_ApiKey_TenantId" ON api_key (tenant_id)');
    await runner.query('CREATE INDEX "ix_ApiKey_LoginId" ON api_key (login_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE api_key, invitation, password_reset, sign_up, refresh_token, session, membership, login',
    );
  }
}
