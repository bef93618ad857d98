import { InjectRepository } from '@nestjs/typeorm';
import { Any, Repository } from 'typeorm';
import { Job, JobHandler, Jobs } from '@app/jobs';
import { BooksService } from '../books';
import { Review } from './review.entity';

const AT_ONCE = 1_000; // books that are locked by one job

/** The books whose ratings are out of date. */
export interface OutOfDate {
  bookIds: string[] | 'all';
}

/** Works out anew what critics think of books on average. To do so twice does no harm. */
@Job('reviews.refresh-book-rating')
export class RefreshBookRating implements JobHandler<OutOfDate> {
  constructor(
    @InjectRepository(Review) private readonly reviews: Repository<Review>,
    private readonly books: BooksService,
    private readonly jobs: Jobs,
  ) {}

  async run({ bookIds }: OutOfDate): Promise<void> {
    const ids = bookIds === 'all' ? await this.books.ids() : bookIds;
    if (ids.length > AT_ONCE) return this.share(ids);
    await this.books.lockMany(ids); // first: whoever comes later sees what we see, and what came since
    const averages: { id: string; averageRating: number }[] = await this.reviews
      .createQueryBuilder('review')
      .select('review.bookId', 'id')
      .addSelect('avg(review.rating)::float8', 'averageRating')
      .where({ bookId: Any(ids) })
      .groupBy('review.bookId')
      .getRawMany();
    const known = new Map(averages.map(({ id, averageRating }) => [id, averageRating]));
    await this.books.rate(ids.map((id) => ({ id, averageRating: known.get(id) ?? null })));
  }

  private async share(ids: string[]): Promise<void> {
    const parts: OutOfDate[] = [];
    for (let start = 0; start < ids.length; start += AT_ONCE)
      parts.push({ bookIds: ids.slice(start, start + AT_ONCE) });
    await this.jobs.enqueueMany(RefreshBookRating, parts);
  }
}
