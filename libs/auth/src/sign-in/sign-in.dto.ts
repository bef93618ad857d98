import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsEmail, IsIn, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';

export class SignInDto {
  /** @example demo@example.com */
  @IsEmail()
  @MaxLength(254)
  email: string;

  /** @example demo-password */
  @IsString()
  @MaxLength(200)
  password: string;

  @ApiPropertyOptional({ description: 'Which tenant to work in; unless said, the one you worked in last.' })
  @IsOptional()
  @IsUUID('loose')
  tenantId?: string;
}

/** The password form of OAuth 2 (RFC 6749, 4.3), which the documentation signs in with. */
export class PasswordGrantDto {
  @IsIn(['password'])
  grant_type: string;

  /** The e-mail address. */
  @IsEmail()
  @MaxLength(254)
  username: string;

  @IsString()
  @MaxLength(200)
  password: string;

  @IsOptional()
  @IsString()
  @MaxLength(200)
  scope?: string;

  @IsOptional()
  @IsString()
  @MaxLength(200)
  client_id?: string;

  @IsOptional()
  @IsString()
  @MaxLength(200)
  client_secret?: string;
}

/** What a client signs its requests with, and gets the next of. */
export class TokensDto {
  /** To be sent as `Authorization: Bearer …`. */
  accessToken: string;

  /** To be sent to `/auth/refresh`, once: the answer holds the next. */
  refreshToken: string;

  @ApiProperty({ type: 'integer', example: 600, description: 'Seconds until the access token expires.' })
  expiresIn: number;

  /** @example Bearer */
  tokenType: string;
}

/** The same in the words of OAuth 2. */
export class OAuthTokensDto {
  access_token: string;

  refresh_token: string;

  @ApiProperty({ type: 'integer', example: 600 })
  expires_in: number;

  /** @example Bearer */
  token_type: string;
}

export class RefreshDto {
  @IsString()
  @MaxLength(200)
  refreshToken: string;
}

export class SwitchDto {
  @IsUUID('loose')
  tenantId: string;
}

/** A device somebody is signed in on. */
export class SessionDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ format: 'uuid', type: String, nullable: true })
  tenantId: string | null;

  createdAt: Date;

  lastUsedAt: Date;

  @ApiProperty({ type: String, nullable: true })
  userAgent: string | null;

  @ApiProperty({ type: String, nullable: true })
  ip: string | null;

  /** Whether it is the one that asks. */
  isCurrent: boolean;
}

export class SessionsDto {
  @ApiProperty({ type: [SessionDto] })
  items: SessionDto[];
}
