import { Controller, Delete, Get, HttpCode, Param, ParseUUIDPipe } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentLogin, type Principal, Require, WithoutTenant } from '@app/access';
import type { Invitation } from './invitation.entity';
import { OpenInvitationsDto } from './members.dto';
import { MembersService } from './members.service';

/** Who is invited to the tenant and has not joined yet; for its owners. */
@Require('members:manage')
@WithoutTenant()
@ApiTags('Members')
@Controller('invitations')
export class OpenInvitationsController {
  constructor(private readonly members: MembersService) {}

  @Get()
  @ApiOperation({ summary: 'See who is invited' })
  @ApiOkResponse({ type: OpenInvitationsDto })
  async read(@CurrentLogin() { tenantId }: Principal): Promise<OpenInvitationsDto> {
    const invitations = await this.members.listInvited(tenantId!);
    const shown = ({ id, email, role, createdAt, expiresAt }: Invitation) => ({
      id,
      email,
      role,
      createdAt,
      expiresAt,
    });
    return { items: invitations.map(shown) };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Take an invitation back' })
  remove(@Param('id', ParseUUIDPipe) id: string, @CurrentLogin() { tenantId }: Principal): Promise<void> {
    return this.members.uninvite(tenantId!, id);
  }
}
