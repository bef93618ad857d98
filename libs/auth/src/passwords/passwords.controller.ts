import { Body, Controller, HttpCode, Ip, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentLogin, type Principal, Public, Require, WithoutTenant } from '@app/access';
import { ChangePasswordDto, ForgotPasswordDto, ResetPasswordDto } from './passwords.dto';
import { PasswordsService } from './passwords.service';

/** How people get another password. */
@WithoutTenant()
@ApiTags('Auth')
@Controller('auth/password')
export class PasswordsController {
  constructor(private readonly passwords: PasswordsService) {}

  @Post('forgot')
  @Public()
  @HttpCode(202)
  @ApiOperation({ summary: 'Have a link mailed to choose a new password' })
  forgot(@Body() { email }: ForgotPasswordDto): Promise<void> {
    return this.passwords.forgot(email);
  }

  @Post('reset')
  @Public()
  @HttpCode(204)
  @ApiOperation({ summary: 'Choose a new password by the token of the link' })
  reset(@Body() { token, password }: ResetPasswordDto): Promise<void> {
    return this.passwords.reset(token, password);
  }

  @Post('change')
  @Require()
  @HttpCode(204)
  @ApiOperation({ summary: 'Change your password; your other sessions end' })
  change(
    @Body() { currentPassword, newPassword }: ChangePasswordDto,
    @CurrentLogin() login: Principal,
    @Ip() ip: string,
  ): Promise<void> {
    return this.passwords.change(login, ip, currentPassword, newPassword);
  }
}
