import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { ONE_LINE } from '@app/tenancy';

export class SignUpDto {
  /** @example ada@example.com */
  @IsEmail()
  @MaxLength(254)
  email: string;

  /** At least ten characters. @example 'correct horse battery' */
  @IsString()
  @MinLength(10)
  @MaxLength(200)
  password: string;

  /** What your tenant is to be called. @example 'Acme Ltd' */
  @IsString()
  @Matches(ONE_LINE, { message: 'tenantName must be one line of text' })
  @MaxLength(100)
  tenantName: string;
}

export class VerifyDto {
  /** Of the link that was mailed. */
  @IsString()
  @MaxLength(200)
  token: string;
}

/** The tenant that was made. */
export class VerifiedDto {
  @ApiProperty({ format: 'uuid' })
  tenantId: string;
}
