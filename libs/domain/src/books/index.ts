export * from './book.dto';
export * from './book.entity';
export * from './book.factory';
export * from './books.module';
export * from './books.service';
