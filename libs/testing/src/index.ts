export * from './app-process';
export * from './mail-server';
export * from './mortal-postgres';
export * from './pg-bouncer';
export * from './start-api';
export * from './test-database';
export * from './until';
export * from './watched-log';
