import { Column, Entity, Index, ManyToOne } from 'typeorm';
import { BaseEntity } from '@app/database';
import { Tenant } from '@app/tenancy';
import { Login } from '../logins/login.entity';

/** What a program signs in with: it acts for the login that made it, in one tenant, within its scopes. */
@Entity({ schema: 'platform' })
@Index(['tenantId'])
@Index(['loginId'])
export class ApiKey extends BaseEntity {
  @Column('uuid')
  tenantId: string;

  @ManyToOne(() => Tenant, { onDelete: 'CASCADE' })
  tenant: Tenant;

  @Column('uuid')
  loginId: string;

  @ManyToOne(() => Login, { onDelete: 'CASCADE' })
  login: Login;

  /** What it is for. */
  @Column('text')
  name: string;

  @Column('bytea')
  secretHash: Buffer;

  /** Permissions, such as `books:read`; `*:read` is reading whatever the tenant has. */
  @Column('text', { array: true })
  scopes: string[];

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  expiresAt: Date | null;
}
