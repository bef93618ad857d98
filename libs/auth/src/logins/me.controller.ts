import { Body, Controller, Delete, Get, HttpCode, Ip } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { CurrentLogin, type Principal, Require, WithoutTenant } from '@app/access';
import { MembersService } from '../members/members.service';
import { PasswordsService } from '../passwords/passwords.service';
import { sessionOver } from '../refusals';
import { Login } from './login.entity';
import { DeleteMeDto, MeDto } from './me.dto';
import { Membership } from './membership.entity';

/** Whoever is signed in, as they see themselves. */
@Require()
@WithoutTenant()
@ApiTags('Auth')
@Controller('auth/me')
export class MeController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly members: MembersService,
    private readonly passwords: PasswordsService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'See who you are' })
  @ApiOkResponse({ type: MeDto })
  async read(@CurrentLogin() { loginId, tenantId, permissions }: Principal): Promise<MeDto> {
    const { manager } = this.dataSource;
    const login = await manager.findOneBy(Login, { id: loginId });
    if (!login) throw sessionOver();
    const { id, email } = login;
    const memberships = await manager.find(Membership, {
      where: { loginId },
      relations: { tenant: true },
      order: { createdAt: 'ASC' },
    });
    const tenants = memberships.map(({ role, tenant: { id, title } }) => ({ id, title, role }));
    return { id, email, tenantId: tenantId ?? null, permissions: [...permissions], tenants };
  }

  @Delete()
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete your login' })
  async remove(
    @Body() { password }: DeleteMeDto,
    @CurrentLogin() { loginId }: Principal,
    @Ip() ip: string,
  ): Promise<void> {
    await this.passwords.mustMatch(loginId, ip, password);
    await this.members.removeLogin(loginId);
  }
}
