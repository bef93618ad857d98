import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '@app/access';
import { AcceptInvitationDto } from './members.dto';
import { MembersService } from './members.service';

/** How the invited become members. */
@Public()
@ApiTags('Members')
@Controller('auth/invitations')
export class InvitationsController {
  constructor(private readonly members: MembersService) {}

  @Post('accept')
  @HttpCode(204)
  @ApiOperation({ summary: 'Join a tenant by the token of an invitation' })
  accept(@Body() { token, password }: AcceptInvitationDto): Promise<void> {
    return this.members.accept(token, password);
  }
}
