import { Column, Entity, Index, Unique } from 'typeorm';
import { BaseEntity, Trigram } from '@app/database';

/** Someone who reviews books, known by a username. */
@Entity()
@Unique('uc_Critic_Username', ['username'])
@Index(['createdAt', 'id'])
export class Critic extends BaseEntity {
  @Column('text')
  username: string;

  @Trigram()
  @Column('text', { nullable: true })
  name: string | null;

  @Column('text', { nullable: true })
  bio: string | null;
}
