import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { JWK } from 'jose';
import { Public } from '@app/access';
import { AccessTokens } from '../access-tokens';

/** What others check our access tokens with (RFC 7517). */
@Public()
@ApiTags('Auth')
@Controller('.well-known')
export class PublicKeysController {
  constructor(private readonly tokens: AccessTokens) {}

  @Get('jwks.json')
  @Header('Cache-Control', 'public, max-age=300')
  @ApiOperation({ summary: 'The keys that access tokens are signed with' })
  readKeys(): { keys: JWK[] } {
    return this.tokens.publicKeys;
  }
}
