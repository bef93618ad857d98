export * from './config.module';
export * from './settings';
export * from './run-process';
