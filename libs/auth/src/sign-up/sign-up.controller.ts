import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '@app/access';
import { SignUpDto, VerifiedDto, VerifyDto } from './sign-up.dto';
import { SignUpService } from './sign-up.service';

/** How strangers get a login and a tenant. */
@Public()
@ApiTags('Auth')
@Controller('auth')
export class SignUpController {
  constructor(private readonly signUps: SignUpService) {}

  @Post('sign-up')
  @HttpCode(202)
  @ApiOperation({ summary: 'Ask for a login and a tenant; a link is mailed' })
  signUp(@Body() { email, password, tenantName }: SignUpDto): Promise<void> {
    return this.signUps.signUp(email, password, tenantName);
  }

  @Post('verify')
  @HttpCode(200)
  @ApiOperation({ summary: 'Confirm a sign-up by the token of its link' })
  @ApiOkResponse({ type: VerifiedDto })
  async verify(@Body() { token }: VerifyDto): Promise<VerifiedDto> {
    return { tenantId: (await this.signUps.verify(token)).id };
  }
}
