import { Column, Entity, Index, ManyToOne, Unique } from 'typeorm';
import { BaseEntity } from '@app/database';
import { Tenant } from '@app/tenancy';
import type { Role } from '../roles';

/** That an e-mail address is asked to join a tenant; inviting it again replaces the link. */
@Entity({ schema: 'platform' })
@Unique('uc_Invitation_TenantId_Email', ['tenantId', 'email'])
@Unique('uc_Invitation_TokenHash', ['tokenHash'])
@Index(['expiresAt'])
export class Invitation extends BaseEntity {
  @Column('uuid')
  tenantId: string;

  @ManyToOne(() => Tenant, { onDelete: 'CASCADE' })
  tenant: Tenant;

  @Column('text')
  email: string;

  @Column('text')
  role: Role;

  @Column('bytea')
  tokenHash: Buffer;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt: Date;
}
