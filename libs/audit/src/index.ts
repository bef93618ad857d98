export * from './audit-table';
export * from './audit.module';
export { AUDITED, Audited } from './audited.decorator';
export { SweepAudit } from './sweep-audit.job';
