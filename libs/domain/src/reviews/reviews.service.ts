import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { CrudService } from '@app/crud';
import { Review } from './review.entity';

@Injectable()
export class ReviewsService extends CrudService<Review> {
  constructor(@InjectRepository(Review) reviews: Repository<Review>) {
    super(reviews);
  }
}
