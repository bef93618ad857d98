import { Injectable, Logger, OnApplicationShutdown } from '@nestjs/common';
import { createTransport, type Transporter } from 'nodemailer';
import { Settings } from '@app/config';

/** A letter to one person. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
}

const REMEMBERED = 20; // mails, for whoever develops to look at

/** Sends mail by SMTP_URL. Without one it is captured: development prints it and shows it on the landing page. */
@Injectable()
export class Mailer implements OnApplicationShutdown {
  private readonly logger = new Logger('Mail');
  private readonly transport?: Transporter;
  private readonly sending = new Set<Promise<void>>();
  /** What was captured, the newest first; always empty in production. */
  readonly captured: Mail[] = [];

  constructor(private readonly settings: Settings) {
    if (settings.smtpUrl) this.transport = createTransport(settings.smtpUrl, { from: settings.mailFrom });
  }

  /** Sends `mail` behind the request's back: the time an answer takes must not tell whether there was one to send. */
  send(mail: Mail): void {
    if (!this.settings.isProduction) this.capture(mail);
    if (!this.transport) return;
    const sent: Promise<void> = this.transport
      .sendMail(mail)
      .then(() => undefined)
      .catch((cause) => this.logger.error(new Error(`A mail could not be sent: ${mail.subject}`, { cause })))
      .finally(() => this.sending.delete(sent));
    this.sending.add(sent);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.sending);
    this.transport?.close();
  }

  private capture(mail: Mail): void {
    this.captured.unshift(mail);
    this.captured.length = Math.min(this.captured.length, REMEMBERED);
    if (this.settings.nodeEnv === 'development') this.logger.log(`To ${mail.to}: ${mail.subject}\n${mail.text}`);
  }
}
