import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessModule, Authenticator } from '@app/access';
import { TenancyModule } from '@app/tenancy';
import { AccessTokens } from './access-tokens';
import { ApiKey } from './api-keys/api-key.entity';
import { ApiKeysController } from './api-keys/api-keys.controller';
import { ApiKeysService } from './api-keys/api-keys.service';
import { Demo } from './demo';
import { LocalAuthenticator } from './local-authenticator';
import { Login } from './logins/login.entity';
import { MeController } from './logins/me.controller';
import { Membership } from './logins/membership.entity';
import { Letters } from './mail/letters';
import { Mailer } from './mail/mailer';
import { Invitation } from './members/invitation.entity';
import { InvitationsController } from './members/invitations.controller';
import { MembersController } from './members/members.controller';
import { MembersService } from './members/members.service';
import { PasswordReset } from './passwords/password-reset.entity';
import { Passwords } from './passwords/passwords';
import { PasswordsController } from './passwords/passwords.controller';
import { PasswordsService } from './passwords/passwords.service';
import { PublicKeysController } from './sign-in/public-keys.controller';
import { RateLimitsModule } from './rate-limits/rate-limits.module';
import { RefreshToken } from './sign-in/refresh-token.entity';
import { Session } from './sign-in/session.entity';
import { SessionsService } from './sign-in/sessions.service';
import { SignInController } from './sign-in/sign-in.controller';
import { SignInService } from './sign-in/sign-in.service';
import { SignUp } from './sign-up/sign-up.entity';
import { SignUpController } from './sign-up/sign-up.controller';
import { SignUpService } from './sign-up/sign-up.service';

/** Logins, and all that lets them in. */
@Global()
@Module({
  imports: [
    AccessModule,
    TenancyModule,
    RateLimitsModule,
    TypeOrmModule.forFeature([Login, Membership, Session, RefreshToken, SignUp, PasswordReset, Invitation, ApiKey]),
  ],
  controllers: [
    SignInController,
    SignUpController,
    PasswordsController,
    MeController,
    MembersController,
    InvitationsController,
    ApiKeysController,
    PublicKeysController,
  ],
  providers: [
    AccessTokens,
    ApiKeysService,
    Demo,
    Letters,
    Mailer,
    MembersService,
    Passwords,
    PasswordsService,
    SessionsService,
    SignInService,
    SignUpService,
    { provide: Authenticator, useClass: LocalAuthenticator },
  ],
  exports: [Authenticator, Mailer, MembersService],
})
export class AuthModule {}
