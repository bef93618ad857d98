import { Body, Controller, Delete, Get, HttpCode, Param, ParseUUIDPipe, Patch, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentLogin, type Principal, Require, WithoutTenant } from '@app/access';
import { ChangeRoleDto, InviteDto, MembersDto } from './members.dto';
import { MembersService } from './members.service';

/** Who works in the tenant; for its owners. */
@Require(':manage')
@WithoutTenant()
@ApiTags('Members')
@Controller('members')
export class MembersController {
  constructor(private readonly members: MembersService) {}

  @Get()
  @ApiOperation({ summary: 'See who works in the tenant' })
  @ApiOkResponse({ type: MembersDto })
  async read(@CurrentLogin() { tenantId }: Principal): Promise<MembersDto> {
    const members = await this.members.list(tenantId!);
    return { items: members.map(({ id, login: { email }, role, createdAt }) => ({ id, email, role, createdAt })) };
  }

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Invite somebody; a link is mailed' })
  invite(@Body() { email, role }: InviteDto, @CurrentLogin() { tenantId }: Principal): Promise<void> {
    return this.members.invite(tenantId!, email, role);
  }

  @Patch(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Give a member another role' })
  changeRole(
    @Param('id', ParseUUIDPipe) id: string,
    @Body() { role }: ChangeRoleDto,
    @CurrentLogin() { tenantId }: Principal,
  ): Promise<void> {
    return this.members.changeRole(tenantId!, id, role);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove a member' })
  remove(@Param('id', ParseUUIDPipe) id: string, @CurrentLogin() { tenantId }: Principal): Promise<void> {
    return this.members.remove(tenantId!, id);
  }
}
