/** Someone named a tenant that does not exist. */
export class NoSuchTenant extends Error {
  constructor(name: string) {
    super(`There is no tenant called ${name}.`);
    this.name = 'NoSuchTenant';
  }
}

/** What was asked of a tenant does not go with the state it is in. */
export class TenantConflict extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TenantConflict';
  }
}

/** A file that is not the whole archive of a tenant, or not one for this release. */
export class BadArchive extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadArchive';
  }
}
