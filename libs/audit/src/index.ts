export * from './audit-table';
