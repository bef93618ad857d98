import { IsEmail, IsString, MaxLength, MinLength } from 'class-validator';

export class ForgotPasswordDto {
  /** @example ada@example.com */
  @IsEmail()
  @MaxLength(254)
  email: string;
}

export class ResetPasswordDto {
  /** Of the link that was mailed. */
  @IsString()
  @MaxLength(200)
  token: string;

  /** At least ten characters. @example 'correct horse battery' */
  @IsString()
  @MinLength(10)
  @MaxLength(200)
  password: string;
}

export class ChangePasswordDto {
  /** The present one. */
  @IsString()
  @MaxLength(200)
  currentPassword: string;

  /** At least ten characters. @example 'correct horse battery' */
  @IsString()
  @MinLength(10)
  @MaxLength(200)
  newPassword: string;
}
