import { Module } from '@nestjs/common';
import { BooksModule } from './books';
import { CriticsModule } from './critics';
import { ReviewsModule } from './reviews';

/** What the product is about. A new model is one more import here. */
@Module({ imports: [BooksModule, CriticsModule, ReviewsModule] })
export class DomainModule {}
