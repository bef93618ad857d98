import { Column, Entity, Unique } from 'typeorm';
import { BaseEntity } from '@app/database';

/** The tenant that development begins with; production has none but those that are made. */
export const DEMO_TENANT = 'demo';

/** The only tenant there is with TENANCY=single. */
export const SINGLE_TENANT = 'main';

export type TenantStatus = 'provisioning' | 'active' | 'suspended' | 'migration_failed' | 'deleting';

/** A customer whose data lives in a schema of its own. */
@Entity({ schema: 'platform' })
@Unique('uc_Tenant_Name', ['name'])
@Unique('uc_Tenant_SchemaName', ['schemaName'])
export class Tenant extends BaseEntity {
  /** What machines call it; the schema is named after it once and for all. */
  @Column('text')
  name: string;

  /** What people call it: for whom it is. Others may be called the same. */
  @Column('text')
  title: string;

  @Column('text')
  schemaName: string;

  /** The Postgres role that may touch the schema; null with TENANT_ROLES=off. */
  @Column('text', { nullable: true })
  roleName: string | null;

  @Column('text', { default: 'provisioning' })
  status: TenantStatus;

  /** The timestamp of the newest migration its schema has. */
  @Column('bigint', { default: 0 })
  migratedTo: string;

  /** Why its last migration failed. */
  @Column('text', { nullable: true })
  error: string | null;

  /** Which database server it lives on. */
  @Column('text', { default: 'main' })
  cluster: string;
}
