import { Column, Entity, Index } from 'typeorm';
import { Audited } from '@app/audit';
import { SoftDeleteEntity, Trigram, UniqueWhileLive } from '@app/database';
import { Personal } from '@app/erasure';

/** Someone who reviews books, known by a username. Deleted, a critic can come back, and their reviews stay. */
@Entity()
@Audited()
@UniqueWhileLive('uc_Critic_Username', ['username'])
@Index(['createdAt', 'id'])
export class Critic extends SoftDeleteEntity {
  @Personal()
  @Column('text')
  username: string;

  @Personal()
  @Trigram()
  @Column('text', { nullable: true })
  name: string | null;

  @Personal()
  @Column('text', { nullable: true })
  bio: string | null;
}
