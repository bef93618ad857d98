export * from './book.dto';
export * from './book.entity';
export * from './books.module';
export * from './books.service';
