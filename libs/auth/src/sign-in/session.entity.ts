import { Column, Entity, Index, ManyToOne } from 'typeorm';
import { BaseEntity } from '@app/database';
import { Tenant } from '@app/tenancy';
import { Login } from '../logins/login.entity';

/** One sign-in of a login, on one device and in one tenant, until it ends: the family of its refresh tokens. */
@Entity({ schema: 'platform' })
@Index(['loginId'])
@Index(['tenantId'])
@Index(['expiresAt'])
export class Session extends BaseEntity {
  @Column('uuid')
  loginId: string;

  @ManyToOne(() => Login, { onDelete: 'CASCADE' })
  login: Login;

  @Column('uuid', { nullable: true })
  tenantId: string | null;

  @ManyToOne(() => Tenant, { onDelete: 'CASCADE' })
  tenant: Tenant | null;

  @Column({ type: 'timestamptz', precision: 3 })
  lastUsedAt: Date;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  endedAt: Date | null;

  /** What the device called itself. */
  @Column('text', { nullable: true })
  userAgent: string | null;

  @Column('text', { nullable: true })
  ip: string | null;
}
