import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Logger,
  Param,
  ParseUUIDPipe,
  Patch,
  Post,
  Query,
  StreamableFile,
} from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Require, WithoutTenant } from '@app/access';
import { ADMINISTER, MembersService } from '@app/auth';
import { Settings } from '@app/config';
import { DATABASE, type Database } from '@app/database';
import {
  deleteTenant,
  exportTenant,
  migrateAll,
  provisionTenant,
  resumeTenant,
  suspendTenant,
  Tenant,
  TenantConflict,
  TenantsService,
} from '@app/tenancy';
import {
  CreateTenantDto,
  MigrationsDto,
  TenantDto,
  TenantsDto,
  TenantsQueryDto,
  UpdateTenantDto,
} from './platform.dto';
import { StandingsService } from './standings.service';

const PAGE = 100; // tenants

/** The life of the tenants, for those who administer the platform. */
@Require(ADMINISTER)
@WithoutTenant()
@ApiTags('Platform')
@Controller('platform/tenants')
export class TenantsController {
  private readonly logger = new Logger('Migrations');

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly tenants: TenantsService,
    private readonly members: MembersService,
    private readonly standings: StandingsService,
    private readonly settings: Settings,
  ) {}

  @Get()
  @ApiOperation({ summary: 'See the tenants, by name' })
  @ApiOkResponse({ type: TenantsDto })
  async readPage(@Query() { after = '' }: TenantsQueryDto): Promise<TenantsDto> {
    const found = await this.tenants.readPage(after, PAGE + 1);
    const items = found.slice(0, PAGE).map(shown);
    return { items, nextCursor: found.length > PAGE ? items[PAGE - 1].name : null };
  }

  @Post()
  @ApiOperation({ summary: 'Make a tenant, and invite its owner' })
  @ApiCreatedResponse({ type: TenantDto })
  async create(@Body() { name, title, ownerEmail }: CreateTenantDto): Promise<TenantDto> {
    if (this.settings.hasOneTenant)
      throw new TenantConflict('With TENANCY=single there is one tenant, and it is there.');
    const known = await this.tenants.find({ name });
    // One that nobody works in is completed, and its owner invited again: whoever was may not have got the mail.
    const isTaken = known && known.status !== 'provisioning' && !ownerEmail;
    if (known && (isTaken || (await this.members.hasAny(known.id))))
      throw new TenantConflict(`There is already a tenant called ${name}.`);
    if (ownerEmail && !this.settings.signsIn)
      throw new TenantConflict('With AUTH_MODE=oidc the provider says who its owner is: leave out ownerEmail.');
    await provisionTenant(this.database, name, title);
    const tenant = await this.tenants.mustFind({ name });
    if (ownerEmail) await this.members.invite(tenant.id, ownerEmail, 'owner');
    return shown(tenant);
  }

  @Post('migrate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Migrate all tenants that are behind, those too whose migration failed' })
  @ApiOkResponse({ type: MigrationsDto })
  async migrate(): Promise<MigrationsDto> {
    await migrateAll(this.database, (line) => this.logger.log(line));
    return this.standings.read();
  }

  @Get(':id')
  @ApiOperation({ summary: 'See one tenant' })
  @ApiOkResponse({ type: TenantDto })
  async readOne(@Param('id', ParseUUIDPipe) id: string): Promise<TenantDto> {
    return shown(await this.tenants.mustFind({ id }));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Suspend or resume a tenant' })
  @ApiOkResponse({ type: TenantDto })
  async update(@Param('id', ParseUUIDPipe) id: string, @Body() { status }: UpdateTenantDto): Promise<TenantDto> {
    const { name } = await this.tenants.mustFind({ id });
    if (status === 'suspended') await suspendTenant(this.database, name);
    if (status === 'active') await resumeTenant(this.database, name);
    return shown(await this.tenants.mustFind({ id }));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a tenant and all that is in it, for good' })
  async remove(@Param('id', ParseUUIDPipe) id: string): Promise<void> {
    const { name } = await this.tenants.mustFind({ id });
    await deleteTenant(this.database, name);
  }

  @Post(':id/export')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take all that is in a tenant away as an archive' })
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ description: 'One row a line.', schema: { type: 'string', format: 'binary' } })
  async export(@Param('id', ParseUUIDPipe) id: string): Promise<StreamableFile> {
    const { name } = await this.tenants.mustFind({ id });
    const disposition = `attachment; filename="${name}.ndjson"`;
    return new StreamableFile(await exportTenant(this.database, name), { type: 'application/x-ndjson', disposition });
  }
}

const shown = ({ id, name, title, status, cluster, error }: Tenant): TenantDto => ({
  id,
  name,
  title,
  status,
  cluster,
  error,
});
