import { Injectable } from '@nestjs/common';
import { Settings } from '@app/config';
import { accountLink } from './account-link';
import { Mailer } from './mailer';

/** Every letter this application writes. */
@Injectable()
export class Letters {
  constructor(
    private readonly mailer: Mailer,
    private readonly settings: Settings,
  ) {}

  confirmSignUp(to: string, title: string, token: string): Promise<void> {
    return this.mailer.send({
      to,
      subject: 'Confirm your e-mail address',
      text: `Somebody, we hope you, signed up as ${to} to start “${title}”. To confirm it, follow this link within a day:\n\n${accountLink(this.settings, 'verify', to, token)}\n\nIf it was not you, do nothing.\n`,
    });
  }

  alreadySignedUp(to: string): Promise<void> {
    return this.mailer.send({
      to,
      subject: 'You have signed up already',
      text: `Somebody, we hope you, tried to sign up as ${to}. You can sign in already; if you forgot your password, ask for a new one.\n`,
    });
  }

  resetPassword(to: string, token: string): Promise<void> {
    return this.mailer.send({
      to,
      subject: 'Choose a new password',
      text: `Somebody, we hope you, asked for a new password. To choose one, follow this link within an hour:\n\n${accountLink(this.settings, 'reset', to, token)}\n\nIf it was not you, do nothing: your password has not changed.\n`,
    });
  }

  invite(to: string, title: string, token: string): Promise<void> {
    return this.mailer.send({
      to,
      subject: `You are invited to “${title}”`,
      text: `To join “${title}”, follow this link within a week:\n\n${accountLink(this.settings, 'accept', to, token)}\n`,
    });
  }

  /** No letter, at the same pace. */
  nothing(): Promise<void> {
    return this.mailer.send();
  }
}
