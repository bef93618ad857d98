export * from './command-line-data-source';
export * from './migrate-all';
export * from './prepare-database';
export * from './provisioning';
export * from './readiness';
export * from './tenancy.module';
export * from './tenant.entity';
export * from './tenants.service';
