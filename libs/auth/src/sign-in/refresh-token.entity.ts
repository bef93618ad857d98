import { Column, Entity, Index, ManyToOne, PrimaryColumn } from 'typeorm';
import { Session } from './session.entity';

/** What a session was given to get its next access token with, once. */
@Entity({ schema: 'platform' })
@Index(['sessionId'])
@Index(['usedAt'])
export class RefreshToken {
  @PrimaryColumn('bytea')
  hash: Buffer;

  @Column('uuid')
  sessionId: string;

  @ManyToOne(() => Session, { onDelete: 'CASCADE' })
  session: Session;

  /** Makes its successor, together with the token itself, which is not stored. */
  @Column('bytea')
  salt: Buffer;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  usedAt: Date | null;
}
