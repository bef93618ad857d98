export * from './books';
export * from './critics';
export * from './domain.module';
export * from './reviews';
