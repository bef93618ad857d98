import { Settings } from '@app/config';

/** What this installation's schemas and roles are called; SCHEMA_PREFIX stands before every one of them. */
export class Names {
  /** Owns schemas and tables; nobody logs in as it. */
  readonly owner: string;
  /** Owns the function that erases personal data; nobody logs in as it. */
  readonly eraser: string;
  /** The schema of what belongs to no single tenant. */
  readonly platform: string;
  /** The schema of the jobs that wait, run and ran, of all tenants. */
  readonly jobs: string;

  /** `app` is whom the processes connect as; it may do nothing in a tenant's schema until it takes the tenant's role. */
  constructor(
    readonly prefix: string,
    readonly app: string = `${prefix}app`,
  ) {
    this.owner = `${prefix}owner`;
    this.eraser = `${prefix}eraser`;
    this.platform = `${prefix}platform`;
    this.jobs = `${prefix}jobs`;
  }

  static of(settings: Settings): Names {
    return new Names(settings.schemaPrefix);
  }

  /** The schema of the tenant called `slug`: letters, digits and underscores, at most 40. */
  tenantSchema(slug: string): string {
    if (!/^[a-z0-9_]{1,40}$/.test(slug)) {
      throw new Error(`"${slug}" cannot name a tenant: use 1 to 40 lower-case letters, digits and underscores.`);
    }
    return `${this.prefix}t_${slug}`;
  }

  tenantRole(slug: string): string {
    return `${this.tenantSchema(slug)}_role`;
  }
}
