import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsDate,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
} from 'class-validator';

export class CreateApiKeyDto {
  /** What it is for. @example 'Nightly import' */
  @IsString()
  @MinLength(1)
  @MaxLength(100)
  name: string;

  @ApiProperty({
    type: [String],
    example: ['books:read', 'reviews:write'],
    description: 'What it may do, and you may too.',
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @Matches(/^(\*|[a-z][a-z-]*):(read|write|delete)$/, {
    each: true,
    message: 'each scope must be like books:read or *:read',
  })
  scopes: string[];

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    nullable: true,
    example: '2030-01-01T00:00:00.000Z',
    description: 'Never, unless said.',
  })
  @IsOptional()
  @Type(() => Date)
  @IsDate()
  expiresAt?: Date | null;
}

/** A key, without the secret in it. */
export class ApiKeyDto {
  @ApiProperty({ format: 'uuid' })
  id: string;

  name: string;

  /** @example ['books:read'] */
  scopes: string[];

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expiresAt: Date | null;

  createdAt: Date;
}

export class NewApiKeyDto extends ApiKeyDto {
  /** To be sent as `X-Api-Key`; it is not shown again. @example 'ak_019ab3c2-8f4e-7a61-9d3b-2f6f0a1c5e77.…' */
  key: string;
}

export class ApiKeysDto {
  @ApiProperty({ type: [ApiKeyDto] })
  items: ApiKeyDto[];
}
