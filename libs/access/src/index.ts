export * from './access.guard';
export * from './access.module';
export * from './principal';
export * from './route-access';
