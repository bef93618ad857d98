import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTenant1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tenant (
        id uuid CONSTRAINT "pk_Tenant" PRIMARY KEY,
        name text NOT NULL CONSTRAINT "uc_Tenant_Name" UNIQUE,
        schema_name text NOT NULL CONSTRAINT "uc_Tenant_SchemaName" UNIQUE,
        role_name text,
        status text NOT NULL DEFAULT 'provisioning',
        migrated_to bigint NOT NULL DEFAULT 0,
        error text,
        cluster text NOT NULL DEFAULT 'main',
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        version int NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE tenant');
  }
}
