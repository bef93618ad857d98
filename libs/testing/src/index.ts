export * from './api-process';
export * from './pg-bouncer';
export * from './start-api';
export * from './test-database';
