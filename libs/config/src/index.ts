export * from './config.module';
export * from './settings';
