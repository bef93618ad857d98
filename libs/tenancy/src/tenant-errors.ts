import { ConflictException, NotFoundException, UnprocessableEntityException } from '@nestjs/common';

/** Someone named a tenant that does not exist. */
export class NoSuchTenant extends NotFoundException {
  constructor(name: string) {
    super({ code: 'not_found', message: `There is no tenant called ${name}.` });
  }
}

/** What was asked of a tenant does not go with the state it is in. */
export class TenantConflict extends ConflictException {
  constructor(message: string) {
    super({ code: 'tenant_state', message });
  }
}

/** A file that is not the whole archive of a tenant, or not one for this release. */
export class BadArchive extends UnprocessableEntityException {
  constructor(message: string) {
    super({ code: 'bad_archive', message });
  }
}
