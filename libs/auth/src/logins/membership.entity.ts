import { Column, Entity, Index, ManyToOne, Unique } from 'typeorm';
import { BaseEntity } from '@app/database';
import { Tenant } from '@app/tenancy';
import type { Role } from '../roles';
import { Login } from './login.entity';

/** That a login works in a tenant, and as what. */
@Entity({ schema: 'platform' })
@Unique('uc_Membership_LoginId_TenantId', ['loginId', 'tenantId'])
@Index(['tenantId'])
export class Membership extends BaseEntity {
  @Column('uuid')
  loginId: string;

  @ManyToOne(() => Login, { onDelete: 'CASCADE' })
  login: Login;

  @Column('uuid')
  tenantId: string;

  @ManyToOne(() => Tenant, { onDelete: 'CASCADE' })
  tenant: Tenant;

  @Column('text')
  role: Role;
}
