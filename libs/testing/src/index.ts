export * from './api-process';
export * from './start-api';
export * from './test-database';
