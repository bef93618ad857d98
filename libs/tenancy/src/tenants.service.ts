import {
  ForbiddenException,
  Inject,
  Injectable,
  NotFoundException,
  OnModuleInit,
  ServiceUnavailableException,
} from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { isUUID } from 'class-validator';
import { EntityManager, In, MoreThan, Repository } from 'typeorm';
import { Settings } from '@app/config';
import { DATABASE, type Database, newId, type Place, postgresError } from '@app/database';
import { provisionTenant } from './provisioning';
import { Remembered } from './remembered';
import { SINGLE_TENANT, Tenant } from './tenant.entity';

const REMEMBERED_MS = 4_000; // a suspended tenant must be shut out within five seconds everywhere
const MOST_REMEMBERED = 10_000; // some 5 MB
const GONE = ['42P01', '22023', '42704', '3F000']; // no such table, role, or schema

/** The registry: which tenants there are, where their data lives, and whether they may be served. */
@Injectable()
export class TenantsService implements OnModuleInit {
  /** With TENANCY=single, the only one: nothing is looked up for it. */
  private only?: Place;
  private readonly remembered = new Remembered<Tenant>((ids) => this.findAll(ids), REMEMBERED_MS, MOST_REMEMBERED);

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @InjectRepository(Tenant) private readonly tenants: Repository<Tenant>,
    private readonly settings: Settings,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!this.settings.hasOneTenant) return;
    if (this.settings.migrateOnBoot) await provisionTenant(this.database, SINGLE_TENANT);
    const tenant = await this.find({ name: SINGLE_TENANT });
    if (!tenant)
      throw new Error(`There is no tenant ${SINGLE_TENANT} yet: run npm run cli -- tenants create ${SINGLE_TENANT}`);
    this.only = placeOf(tenant);
  }

  /** Where work for a tenant may go. Throws 404, 403 or 503 where it may not go anywhere. */
  scopeOf(id: string): Place | Promise<Place> {
    if (this.only?.id === id) return this.only;
    const tenant = this.remembered.get(id);
    return tenant instanceof Promise ? tenant.then(placeOf) : placeOf(tenant);
  }

  /** The id of a tenant that is called by its id or its name; with TENANCY=single that of the only one, however it is called. */
  async idOf(called: string | undefined): Promise<string | undefined> {
    if (this.only || !called) return this.only?.id;
    return (await this.find(isUUID(called) ? { id: called } : { name: called }))?.id;
  }

  /** Throws what became of a tenant whose schema or role was gone when a request came to it, else the `error` it met. */
  async explain(id: string, error: unknown): Promise<never> {
    if (GONE.includes(postgresError(error)?.code ?? '')) {
      this.remembered.forget(id);
      await this.scopeOf(id);
    }
    throw error;
  }

  /** Enters a tenant called `title` in the registry, still to be provisioned, under a name of its own that is like the title. */
  async register(title: string, manager: EntityManager): Promise<Tenant> {
    const { names, hasRoles } = this.database;
    for (let suffix = ''; ; suffix = `_${newId().slice(-6)}`) {
      const name = nameLike(title, suffix);
      const [schemaName, roleName] = [names.tenantSchema(name), hasRoles ? names.tenantRole(name) : null];
      const values = { id: newId(), name, title, schemaName, roleName };
      await manager.createQueryBuilder().insert().into(Tenant).values(values).orIgnore().execute();
      const tenant = await manager.findOneBy(Tenant, { id: values.id });
      if (tenant) return tenant;
    }
  }

  /** The tenant with this id or name, if there is one. */
  find(which: { id: string } | { name: string }): Promise<Tenant | null> {
    return this.tenants.findOneBy(which);
  }

  /** The same. Throws 404 where there is none. */
  async mustFind(which: { id: string } | { name: string }): Promise<Tenant> {
    const tenant = await this.find(which);
    if (!tenant) throw gone();
    return tenant;
  }

  /** The ids of all tenants that may be served. */
  async activeIds(): Promise<string[]> {
    return (await this.tenants.find({ select: { id: true }, where: { status: 'active' } })).map(({ id }) => id);
  }

  private async findAll(ids: string[]): Promise<(Tenant | Error)[]> {
    const found = new Map((await this.tenants.findBy({ id: In(ids) })).map((tenant) => [tenant.id, tenant]));
    return ids.map((id) => found.get(id) ?? gone());
  }

  /** At most so many tenants, by name, from the one that follows `after`. */
  readPage(after: string, most: number): Promise<Tenant[]> {
    return this.tenants.find({ where: { name: MoreThan(after) }, order: { name: 'ASC' }, take: most });
  }
}

function placeOf({ id, schemaName, roleName, status, cluster }: Tenant): Place {
  switch (status) {
    case 'active':
      return { id, schema: schemaName, role: roleName, cluster };
    case 'suspended':
      throw new ForbiddenException({ code: 'tenant_suspended', message: 'This tenant is suspended.' });
    case 'deleting':
      throw gone();
    default:
      throw new ServiceUnavailableException({
        code: `tenant_${status}`,
        message: 'This tenant cannot be served at the moment.',
      });
  }
}

const gone = (): NotFoundException =>
  new NotFoundException({ code: 'not_found', message: 'This tenant does not exist.' });

/** "Acme Ltd." is acme_ltd, and one without any Latin letter is t: 40 characters at most, with the suffix. */
function nameLike(title: string, suffix: string): string {
  const letters = title
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  return (letters || 't').slice(0, 40 - suffix.length) + suffix;
}
