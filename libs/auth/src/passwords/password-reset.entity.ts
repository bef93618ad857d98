import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A link that was mailed to choose a new password with, once. */
@Entity({ schema: 'platform' })
@Index(['expiresAt'])
export class PasswordReset {
  @PrimaryColumn('bytea')
  tokenHash: Buffer;

  @Column('text')
  email: string;

  @Column({ type: 'timestamptz', precision: 3 })
  expiresAt: Date;
}
