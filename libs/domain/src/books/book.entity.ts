import { Column, Entity, Index, Unique } from 'typeorm';
import { Audited } from '@app/audit';
import { BaseEntity } from '@app/database';

/** A published work that critics review; its identifier (ISBN) names it everywhere. */
@Entity()
@Audited<Book>({ silent: ['averageRating'] })
@Unique('uc_Book_Identifier', ['identifier'])
@Index(['createdAt', 'id'])
export class Book extends BaseEntity {
  @Column('text')
  identifier: string;

  @Column('text')
  name: string;

  @Column('text')
  author: string;

  @Column('int', { nullable: true })
  releaseYear: number | null;

  /** What critics think of it on average, from 1 to 5; kept by the system, not by clients. */
  @Column('double precision', { nullable: true })
  averageRating: number | null;
}
