import { Column, Entity, Unique } from 'typeorm';
import { BaseEntity } from '@app/database';

/** A person who can sign in, known by a verified e-mail address. */
@Entity({ schema: 'platform' })
@Unique('uc_Login_Email', ['email'])
export class Login extends BaseEntity {
  /** In lower case. */
  @Column('text')
  email: string;

  /** Argon2id; null until the login chooses a password, by the link it was sent. */
  @Column('text', { nullable: true })
  passwordHash: string | null;

  /** Whether it may do what concerns all tenants. */
  @Column('boolean', { default: false })
  isPlatformAdmin: boolean;

  /** The tenant it worked in last, and signs in to unless it names another. */
  @Column('uuid', { nullable: true })
  lastTenantId: string | null;
}

/** An e-mail address as it is stored and looked up. */
export const normalized = (email: string): string => email.trim().toLowerCase();
