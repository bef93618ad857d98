import { DynamicModule, Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessModule, Authenticator } from '@app/access';
import { Settings } from '@app/config';
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
import { OidcAuthenticator } from './oidc-authenticator';
import { Letters } from './mail/letters';
import { Mailer } from './mail/mailer';
import { Seal } from './mail/seal';
import { SendMail } from './mail/send-mail.job';
import { Invitation } from './members/invitation.entity';
import { InvitationsController } from './members/invitations.controller';
import { InvitationsService } from './members/invitations.service';
import { MembersController } from './members/members.controller';
import { MembersService } from './members/members.service';
import { OpenInvitationsController } from './members/open-invitations.controller';
import { PasswordReset } from './passwords/password-reset.entity';
import { PasswordTries } from './passwords/password-tries';
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
import { Sweeper } from './sweeper';

const ENTITIES = [Login, Membership, Session, RefreshToken, SignUp, PasswordReset, Invitation, ApiKey];
const SERVICES = [Letters, Mailer, MembersService, Passwords, Seal, SendMail, Sweeper];

/** Logins, and all that lets them in; with AUTH_MODE=oidc, what an OpenID provider says of its own. */
@Global()
@Module({ imports: [AccessModule, TenancyModule, RateLimitsModule, TypeOrmModule.forFeature(ENTITIES)] })
export class AuthModule {
  static on(settings: Settings): DynamicModule {
    const shared = { module: AuthModule, exports: [Authenticator, Mailer, MembersService] };
    if (!settings.signsIn) {
      return { ...shared, providers: [...SERVICES, { provide: Authenticator, useClass: OidcAuthenticator }] };
    }
    return {
      ...shared,
      controllers: [
        SignInController,
        SignUpController,
        PasswordsController,
        MeController,
        MembersController,
        InvitationsController,
        OpenInvitationsController,
        ApiKeysController,
        PublicKeysController,
      ],
      providers: [
        ...SERVICES,
        AccessTokens,
        ApiKeysService,
        Demo,
        InvitationsService,
        PasswordsService,
        PasswordTries,
        SessionsService,
        SignInService,
        SignUpService,
        { provide: Authenticator, useClass: LocalAuthenticator },
      ],
    };
  }
}
