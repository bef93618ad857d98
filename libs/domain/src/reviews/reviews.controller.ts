import { Controller } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CrudController } from '@app/crud';
import { ReviewDto, CreateReviewDto, UpdateReviewDto } from './review.dto';
import { Review } from './review.entity';
import { ReviewsService } from './reviews.service';

@ApiTags('Reviews')
@Controller('reviews')
export class ReviewsController extends CrudController(Review, {
  read: ReviewDto,
  create: CreateReviewDto,
  update: UpdateReviewDto,
}) {
  constructor(reviews: ReviewsService) {
    super(reviews);
  }
}
