import { Body, Controller, HttpCode, Ip, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '@app/access';
import { AcceptInvitationDto } from './members.dto';
import { InvitationsService } from './invitations.service';

/** How the invited become members. */
@Public()
@ApiTags('Members')
@Controller('auth/invitations')
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  @Post('accept')
  @HttpCode(204)
  @ApiOperation({ summary: 'Join a tenant by the token of an invitation' })
  accept(@Body() { token, password }: AcceptInvitationDto, @Ip() ip: string): Promise<void> {
    return this.invitations.accept(token, password, { ip });
  }
}
