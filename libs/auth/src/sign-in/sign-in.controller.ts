import { Body, Controller, Delete, Get, Header, HttpCode, Param, ParseUUIDPipe, Post, Req } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { CurrentLogin, type Principal, Public, Require, WithoutTenant } from '@app/access';
import type { Session } from './session.entity';
import { Device, SessionsService } from './sessions.service';
import {
  OAuthTokensDto,
  PasswordGrantDto,
  RefreshDto,
  SessionDto,
  SessionsDto,
  SignInDto,
  SwitchDto,
  TokensDto,
} from './sign-in.dto';
import { SignInService } from './sign-in.service';

/** How people sign in, stay signed in, and sign out. */
@WithoutTenant()
@ApiTags('Auth')
@Controller('auth')
export class SignInController {
  constructor(
    private readonly signIns: SignInService,
    private readonly sessions: SessionsService,
  ) {}

  @Post('sign-in')
  @Public()
  @Header('Cache-Control', 'no-store')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sign in' })
  @ApiOkResponse({ type: TokensDto })
  signIn(@Body() { email, password, tenantId }: SignInDto, @Req() request: FastifyRequest): Promise<TokensDto> {
    return this.signIns.signIn(email, password, deviceOf(request), tenantId);
  }

  @Post('token')
  @Public()
  @Header('Cache-Control', 'no-store')
  @HttpCode(200)
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiOperation({ summary: 'Sign in, in the words of OAuth 2' })
  @ApiOkResponse({ type: OAuthTokensDto })
  async token(
    @Body() { username, password }: PasswordGrantDto,
    @Req() request: FastifyRequest,
  ): Promise<OAuthTokensDto> {
    const tokens = await this.signIns.signIn(username, password, deviceOf(request));
    return {
      access_token: tokens.accessToken,
      refresh_token: tokens.refreshToken,
      expires_in: tokens.expiresIn,
      token_type: tokens.tokenType,
    };
  }

  @Post('refresh')
  @Public()
  @Header('Cache-Control', 'no-store')
  @HttpCode(200)
  @ApiOperation({ summary: 'Get the next tokens for a refresh token, once' })
  @ApiOkResponse({ type: TokensDto })
  refresh(@Body() { refreshToken }: RefreshDto): Promise<TokensDto> {
    return this.sessions.refresh(refreshToken);
  }

  @Post('switch')
  @Require()
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on in another tenant' })
  @ApiOkResponse({ type: TokensDto })
  switchTo(
    @Body() { tenantId }: SwitchDto,
    @CurrentLogin() login: Principal,
    @Req() request: FastifyRequest,
  ): Promise<TokensDto> {
    return this.signIns.switchTo(tenantId, login, deviceOf(request));
  }

  @Post('sign-out')
  @Require()
  @HttpCode(204)
  @ApiOperation({ summary: 'End this session' })
  async signOut(@CurrentLogin() { loginId, sessionId }: Principal): Promise<void> {
    if (sessionId) await this.sessions.end(loginId, sessionId);
  }

  @Get('sessions')
  @Require()
  @ApiOperation({ summary: 'See where you are signed in' })
  @ApiOkResponse({ type: SessionsDto })
  async readSessions(@CurrentLogin() { loginId, sessionId }: Principal): Promise<SessionsDto> {
    const sessions = await this.sessions.list(loginId);
    const shown = ({ id, tenantId, createdAt, lastUsedAt, userAgent, ip }: Session): SessionDto => {
      return { id, tenantId, createdAt, lastUsedAt, userAgent, ip, isCurrent: id === sessionId };
    };
    return { items: sessions.map(shown) };
  }

  @Delete('sessions/:id')
  @Require()
  @HttpCode(204)
  @ApiOperation({ summary: 'Sign out elsewhere' })
  endSession(@Param('id', ParseUUIDPipe) id: string, @CurrentLogin() { loginId }: Principal): Promise<void> {
    return this.sessions.end(loginId, id);
  }
}

const deviceOf = ({ ip, headers }: FastifyRequest): Device => ({ ip, userAgent: headers['user-agent'] });
