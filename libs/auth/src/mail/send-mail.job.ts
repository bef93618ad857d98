import { OnApplicationShutdown } from '@nestjs/common';
import { createTransport, type Transporter } from 'nodemailer';
import { Settings } from '@app/config';
import { Hopeless, Job, JobHandler } from '@app/jobs';
import type { Mail } from './mailer';
import { Seal } from './seal';

const PATIENCE = { connectionTimeout: 10_000, greetingTimeout: 5_000, socketTimeout: 20_000 }; // ms, with the mail server

/** A mail, or null for none, that is nobody's to read. */
export interface SealedMail {
  sealed: string;
}

/** Hands a mail in at SMTP_URL. It is tried for an hour, which is as long as some links work. */
@Job('auth.send-mail', { withoutTenant: true, retries: 12 })
export class SendMail implements JobHandler<SealedMail>, OnApplicationShutdown {
  private readonly transport?: Transporter;

  constructor(
    { smtpUrl: url, sender: from }: Settings,
    private readonly seal: Seal,
  ) {
    if (url) this.transport = createTransport({ ...PATIENCE, url, pool: true }, { from });
  }

  async run({ sealed }: SealedMail): Promise<void> {
    if (!this.transport) throw new Error('There is mail to be sent, and no SMTP_URL to hand it in at.');
    const mail = JSON.parse(await this.seal.open(sealed)) as Mail | null;
    if (!mail) return;
    await this.transport.sendMail(mail).catch((error: SmtpError) => {
      const said = `A mail could not be sent: ${mail.subject}. ${withoutSecrets(error)}`;
      throw isFinal(error) ? new Hopeless(said) : new Error(said);
    });
  }

  onApplicationShutdown(): void {
    this.transport?.close();
  }
}

type SmtpError = Error & { code?: string; responseCode?: number };

/** Whether the server will never take it: it knows nobody of that name, or does not like what it says. */
const isFinal = ({ code, responseCode = 0 }: SmtpError): boolean =>
  responseCode >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE');

/** What went wrong; a server may quote the letter that it refuses, and the link in it lets people in. */
const withoutSecrets = ({ message }: Error): string => message.replaceAll(/[\w-]{43,}/g, '…');
