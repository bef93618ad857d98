export * from './audit-table';
export * from './audit.module';
