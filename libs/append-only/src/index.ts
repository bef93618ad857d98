export * from './append-only.controller';
export * from './append-only.entity';
export * from './append-only.module';
export * from './append-only.service';
export { appendOnlyTable, standardTable } from './append-only-table';
