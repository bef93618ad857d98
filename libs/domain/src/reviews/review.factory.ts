import { CreateReviewDto } from './review.dto';

/** A review that can be created, by a critic and of a book that exist and have not met yet. */
export const aReview = (
  values: Pick<CreateReviewDto, 'criticId' | 'bookId'> & Partial<CreateReviewDto>,
): CreateReviewDto => ({
  title: 'A page-turner, until page nine',
  rating: 4,
  body: 'I laughed, I cried, I found a bookmark.',
  ...values,
});
