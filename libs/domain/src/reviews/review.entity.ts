import { Column, Entity, Index, ManyToOne, Unique } from 'typeorm';
import { AppendOnlyEntity } from '@app/append-only';
import { Personal } from '@app/erasure';
import { Book } from '../books';
import { Critic } from '../critics';

/** What one critic thinks of one book; a critic reviews a book at most once, and may think again. */
@Entity()
@Unique('uc_Review_CriticId_BookId', ['criticId', 'bookId'])
@Index(['createdAt', 'id'])
@Index(['bookId'])
export class Review extends AppendOnlyEntity {
  @Personal()
  @Column('text')
  title: string;

  @Column('uuid')
  criticId: string;

  @ManyToOne(() => Critic, { onDelete: 'RESTRICT' })
  critic: Critic;

  @Column('uuid')
  bookId: string;

  @ManyToOne(() => Book, { onDelete: 'RESTRICT' })
  book: Book;

  /** From 1, a waste of paper, to 5. */
  @Column('smallint')
  rating: number;

  @Personal()
  @Column('text', { nullable: true })
  body: string | null;
}
