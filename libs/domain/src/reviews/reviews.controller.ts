import { Controller } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AppendOnlyController } from '@app/append-only';
import { Erasable } from '@app/erasure';
import { ReviewDto, CreateReviewDto, UpdateReviewDto } from './review.dto';
import { Review } from './review.entity';
import { ReviewsService } from './reviews.service';

@ApiTags('Reviews')
@Controller('reviews')
export class ReviewsController extends Erasable(
  Review,
  AppendOnlyController(Review, { read: ReviewDto, create: CreateReviewDto, update: UpdateReviewDto }),
) {
  constructor(reviews: ReviewsService) {
    super(reviews);
  }
}
