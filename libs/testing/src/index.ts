export * from './start-api';
export * from './test-database';
