import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BooksModule } from '../books';
import { Review } from './review.entity';
import { ReviewsController } from './reviews.controller';
import { RefreshBookRating } from './reviews.jobs';
import { ReviewsService } from './reviews.service';

@Module({
  imports: [TypeOrmModule.forFeature([Review]), BooksModule],
  controllers: [ReviewsController],
  providers: [ReviewsService, RefreshBookRating],
  exports: [ReviewsService],
})
export class ReviewsModule {}
