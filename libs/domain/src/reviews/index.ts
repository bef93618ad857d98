export * from './review.dto';
export * from './review.entity';
export * from './review.factory';
export * from './reviews.jobs';
export * from './reviews.module';
export * from './reviews.service';
