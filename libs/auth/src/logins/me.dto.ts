import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';

/** A tenant somebody is a member of. */
export class MyTenantDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  /** @example 'Acme Ltd' */
  title: string;

  /** owner, editor or viewer. @example owner */
  role: string;
}

/** Who is signed in. */
export class MeDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  /** @example demo@example.com */
  email: string;

  @ApiProperty({ format: 'uuid', type: String, nullable: true, description: 'The tenant that requests are about.' })
  tenantId: string | null;

  /** What may be done there; a star stands for whatever a tenant has. @example ['*:read'] */
  permissions: string[];

  @ApiProperty({ type: [MyTenantDto] })
  tenants: MyTenantDto[];
}

export class DeleteMeDto {
  /** Your own, once more. */
  @IsString()
  @MaxLength(200)
  password: string;
}
