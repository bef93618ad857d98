import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsEmail, IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { ONE_LINE } from '@app/tenancy';

const STATES = ['provisioning', 'active', 'suspended', 'migration_failed', 'deleting'];

/** A tenant as the registry has it. */
export class TenantDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  /** What commands call it, and its schema is named after. @example acme */
  name: string;

  /** Whom it is for. @example 'Acme Ltd' */
  title: string;

  @ApiProperty({ enum: STATES, example: 'active' })
  status: string;

  /** Which database server it lives on. @example main */
  cluster: string;

  @ApiProperty({ type: String, nullable: true, description: 'Why its last migration failed.' })
  error: string | null;
}

export class TenantsDto {
  @ApiProperty({ type: [TenantDto] })
  items: TenantDto[];

  @ApiProperty({ type: String, nullable: true, description: 'To be given as `after`; null on the last page.' })
  nextCursor: string | null;
}

export class TenantsQueryDto {
  /** The `nextCursor` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(40)
  after?: string;
}

export class CreateTenantDto {
  /** Lower-case letters, digits and underscores, at most 40. @example acme */
  @Matches(/^[a-z0-9_]{1,40}$/, { message: 'name must be 1 to 40 lower-case letters, digits and underscores' })
  name: string;

  /** Whom it is for; its name, unless said. @example 'Acme Ltd' */
  @IsOptional()
  @IsString()
  @Matches(ONE_LINE, { message: 'title must be one line of text' })
  @MaxLength(100)
  title?: string;

  /** Who is mailed an invitation to own it. @example ada@example.com */
  @IsOptional()
  @IsEmail()
  @MaxLength(254)
  ownerEmail?: string;
}

export class UpdateTenantDto {
  @ApiPropertyOptional({ enum: ['active', 'suspended'], description: 'Suspended: 403 for everything in it.' })
  @IsOptional()
  @IsIn(['active', 'suspended'])
  status?: 'active' | 'suspended';
}

/** How far a schema has come. */
export class StandingDto {
  /** The name of a tenant, or `platform`. @example acme */
  name: string;

  /** Of a tenant; `active` for the platform. @example active */
  status: string;

  /** The timestamp of the newest migration it has. @example 1763900300000 */
  @ApiProperty({ type: 'integer', format: 'int64' })
  migratedTo: number;

  @ApiProperty({ type: 'integer', description: 'How many migrations of this release it lacks.', example: 0 })
  behind: number;

  @ApiProperty({ type: String, nullable: true, description: 'Why its last migration failed.' })
  error: string | null;
}

export class MigrationsDto {
  @ApiProperty({ type: StandingDto })
  platform: StandingDto;

  @ApiProperty({ type: 'integer', description: 'How many tenants have all migrations of this release.' })
  upToDate: number;

  @ApiProperty({ type: [StandingDto], description: 'The others.' })
  behind: StandingDto[];
}
