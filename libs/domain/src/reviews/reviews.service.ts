import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DeepPartial, Repository } from 'typeorm';
import { AppendOnlyService } from '@app/append-only';
import {
  Change,
  Conditions,
  How,
  HowImport,
  HowMatching,
  ImportLine,
  ImportReport,
  Outcome,
  Selection,
} from '@app/crud';
import { Jobs } from '@app/jobs';
import { Review } from './review.entity';
import { RefreshBookRating } from './reviews.jobs';

const MOST_NAMED = 10_000; // books of one import; beyond it all are rated anew

/** Reviews. Whatever changes them leaves a job that rates their books anew. */
@Injectable()
export class ReviewsService extends AppendOnlyService<Review> {
  constructor(
    @InjectRepository(Review) reviews: Repository<Review>,
    private readonly jobs: Jobs,
  ) {
    super(reviews);
  }

  override async createMany(values: DeepPartial<Review>[], how?: How): Promise<Outcome<Review>[]> {
    const outcomes = await super.createMany(values, how);
    await this.outdate(booksOf(values));
    return outcomes;
  }

  override async upsertMany(values: DeepPartial<Review>[], how?: How): Promise<Outcome<Review>[]> {
    const outcomes = await super.upsertMany(values, how);
    await this.outdate(booksOf(values));
    return outcomes;
  }

  override async updateMany(changes: Change<Review>[], how?: How): Promise<Outcome<Review>[]> {
    const before = await this.lockMany(changes.map(({ id }) => id));
    const outcomes = await super.updateMany(changes, how);
    await this.outdate(booksOf([...before, ...changes]));
    return outcomes;
  }

  override async deleteMany(ids: string[], how?: How): Promise<Outcome<Review>[]> {
    const before = await this.lockMany(ids);
    const outcomes = await super.deleteMany(ids, how);
    await this.outdate(booksOf(before));
    return outcomes;
  }

  override async deleteMatching(selection: Selection, how?: HowMatching): Promise<number> {
    const count = await super.deleteMatching(selection, how);
    if (count) await this.outdate('all');
    return count;
  }

  override async revertOne(id: string, version: number, conditions?: Conditions): Promise<Review> {
    const before = await this.lockMany([id]);
    const after = await super.revertOne(id, version, conditions);
    await this.outdate(booksOf([...before, after]));
    return after;
  }

  override async importMany(
    batches: AsyncIterable<ImportLine<DeepPartial<Review>>[]>,
    how?: HowImport,
  ): Promise<ImportReport> {
    const books = new Set<string>();
    const report = await super.importMany(noting(batches, books), how);
    await this.outdate(books.size > MOST_NAMED ? 'all' : [...books]);
    return report;
  }

  private async outdate(bookIds: string[] | 'all'): Promise<void> {
    const distinct = bookIds === 'all' ? bookIds : [...new Set(bookIds)];
    if (distinct.length) await this.jobs.enqueue(RefreshBookRating, { bookIds: distinct });
  }
}

const booksOf = (values: { bookId?: string }[]): string[] => values.flatMap(({ bookId }) => bookId ?? []);

/** The same batches; the books of their reviews are noted while they pass, a few more than need be. */
async function* noting<B extends ImportLine<DeepPartial<Review>>[]>(
  batches: AsyncIterable<B>,
  books: Set<string>,
): AsyncIterable<B> {
  for await (const batch of batches) {
    for (const line of batch)
      if ('value' in line && line.value.bookId && books.size <= MOST_NAMED) books.add(line.value.bookId);
    yield batch;
  }
}
