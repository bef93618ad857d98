import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsIn, IsString, MaxLength, MinLength } from 'class-validator';
import { type Role, ROLES } from '../roles';

export class InviteDto {
  /** @example grace@example.com */
  @IsEmail()
  @MaxLength(254)
  email: string;

  @ApiProperty({ enum: ROLES, example: 'editor' })
  @IsIn(ROLES)
  role: Role;
}

export class ChangeRoleDto {
  @ApiProperty({ enum: ROLES, example: 'viewer' })
  @IsIn(ROLES)
  role: Role;
}

export class AcceptInvitationDto {
  /** Of the link that was mailed. */
  @IsString()
  @MaxLength(200)
  token: string;

  /** Of your login; one that is made by this gets it, and it must have at least ten characters. @example 'correct horse battery' */
  @IsString()
  @MinLength(10)
  @MaxLength(200)
  password: string;
}

/** Somebody who works in the tenant. */
export class MemberDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  /** @example grace@example.com */
  email: string;

  @ApiProperty({ enum: ROLES, example: 'editor' })
  role: Role;

  createdAt: Date;
}

export class MembersDto {
  @ApiProperty({ type: [MemberDto] })
  items: MemberDto[];
}

/** An invitation that nobody has taken yet. */
export class OpenInvitationDto {
  @ApiProperty({ format: 'uuid', example: '019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77' })
  id: string;

  /** @example grace@example.com */
  email: string;

  @ApiProperty({ enum: ROLES, example: 'editor' })
  role: Role;

  /** @example '2030-01-01T00:00:00.000Z' */
  createdAt: Date;

  /** @example '2030-01-08T00:00:00.000Z' */
  expiresAt: Date;
}

export class OpenInvitationsDto {
  @ApiProperty({ type: [OpenInvitationDto] })
  items: OpenInvitationDto[];
}
