export * from './audit-table';
export * from './audit.module';
export { Audited } from './audited.decorator';
export { SweepAudit } from './sweep-audit.job';
