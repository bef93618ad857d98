import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { CrudService } from '@app/crud';
import { Book } from './book.entity';

@Injectable()
export class BooksService extends CrudService<Book> {
  constructor(@InjectRepository(Book) books: Repository<Book>) {
    super(books);
  }

  /** The ids of all books. */
  async ids(): Promise<string[]> {
    return (await this.repository.find({ select: { id: true } })).map(({ id }) => id);
  }

  /** Says what critics think of books on average. The system's own field: version and updatedAt stay as they are. */
  async rate(ratings: Pick<Book, 'id' | 'averageRating'>[]): Promise<void> {
    await this.repository.query(
      `UPDATE book SET average_rating = rated.average
         FROM unnest($1::uuid[], $2::float8[]) AS rated (id, average)
        WHERE book.id = rated.id AND average_rating IS DISTINCT FROM rated.average`,
      [ratings.map(({ id }) => id), ratings.map(({ averageRating }) => averageRating)],
    );
  }
}
