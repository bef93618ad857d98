import { Body, Controller, Delete, Get, HttpCode, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentLogin, type Principal, Require, WithoutTenant } from '@app/access';
import type { ApiKey } from './api-key.entity';
import { ApiKeyDto, ApiKeysDto, CreateApiKeyDto, NewApiKeyDto } from './api-keys.dto';
import { ApiKeysService } from './api-keys.service';

/** The keys that programs sign in to the tenant with; for its owners. */
@Require('api-keys:manage')
@WithoutTenant()
@ApiTags('Auth')
@Controller('auth/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @ApiOperation({ summary: 'See the API keys of the tenant' })
  @ApiOkResponse({ type: ApiKeysDto })
  async read(@CurrentLogin() { tenantId }: Principal): Promise<ApiKeysDto> {
    return { items: (await this.keys.list(tenantId!)).map(shown) };
  }

  @Post()
  @ApiOperation({ summary: 'Make an API key; its secret is shown once' })
  @ApiCreatedResponse({ type: NewApiKeyDto })
  async create(
    @Body() { name, scopes, expiresAt = null }: CreateApiKeyDto,
    @CurrentLogin() login: Principal,
  ): Promise<NewApiKeyDto> {
    const { made, key } = await this.keys.create(login, { name, scopes, expiresAt });
    return { ...shown(made), key };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Take an API key out of use' })
  remove(@Param('id', ParseUUIDPipe) id: string, @CurrentLogin() { tenantId }: Principal): Promise<void> {
    return this.keys.remove(tenantId!, id);
  }
}

const shown = ({ id, name, scopes, expiresAt, createdAt }: ApiKey): ApiKeyDto => ({
  id,
  name,
  scopes,
  expiresAt,
  createdAt,
});
