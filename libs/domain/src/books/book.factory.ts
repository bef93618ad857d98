import { randomUUID } from 'node:crypto';
import { CreateBookDto } from './book.dto';

/** A book that can be created: no other has its identifier. */
export const aBook = (values: Partial<CreateBookDto> = {}): CreateBookDto => ({
  identifier: `isbn-${randomUUID()}`,
  name: 'A Brief Horror Story of Time',
  author: 'Stephen Hawk King',
  releaseYear: 2035,
  ...values,
});
