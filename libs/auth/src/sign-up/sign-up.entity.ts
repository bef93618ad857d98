import { Column, Entity, Index, Unique } from 'typeorm';
import { BaseEntity } from '@app/database';

/** Someone's wish for a login and a tenant, until the link that was mailed proves the address to be theirs. */
@Entity({ schema: 'platform' })
@Unique('uc_SignUp_TokenHash', ['tokenHash'])
@Index(['expiresAt'])
export class SignUp extends BaseEntity {
  @Column('text')
  email: string;

  @Column('text')
  passwordHash: string;

  /** What the tenant is to be called. */
  @Column('text')
  tenantTitle: string;

  @Column('bytea')
  tokenHash: Buffer;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt: Date;

  /** The tenant it became: verified again, it is still that one. */
  @Column('uuid', { nullable: true })
  tenantId: string | null;
}
