import { setTimeout } from 'node:timers/promises';
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
const MOST_WAITING = 200; // mails that are handed in or wait for it; the connections, five at most, are the library's
const PATIENCE = { connectionTimeout: 10_000, greetingTimeout: 5_000, socketTimeout: 20_000 }; // ms, with the mail server
const LAST_MAILS_MS = 4_000; // for what is under way when we stop: less than the process has after its last answer

/** Sends mail by SMTP_URL. Without one it is captured: development prints it and shows it on the landing page. */
@Injectable()
export class Mailer implements OnApplicationShutdown {
  private readonly logger = new Logger('Mail');
  private readonly transport?: Transporter;
  private readonly sending = new Set<Promise<void>>();
  /** What was captured, the newest first; always empty in production. */
  readonly captured: Mail[] = [];

  constructor(private readonly settings: Settings) {
    const { smtpUrl: url, sender: from } = settings;
    if (url) this.transport = createTransport({ ...PATIENCE, url, pool: true }, { from });
  }

  /**
   * Sends `mail` behind the request's back: neither the answer nor the time it takes may tell whether there was one to
   * send, nor whether it could be sent. What fails is in the log.
   */
  send(mail: Mail): void {
    if (!this.settings.isProduction) this.capture(mail);
    if (!this.transport) return;
    if (this.sending.size >= MOST_WAITING) {
      this.logger.error(
        `A mail was dropped, for ${MOST_WAITING} wait to be sent: ${mail.subject}. See whether the server in SMTP_URL keeps up.`,
      );
      return;
    }
    const sent: Promise<void> = this.transport
      .sendMail(mail)
      .then(() => undefined)
      .catch((error: Error) => this.logger.error(`A mail could not be sent: ${mail.subject}. ${withoutSecrets(error)}`))
      .finally(() => this.sending.delete(sent));
    this.sending.add(sent);
  }

  /** Lets the mails under way be sent, for some seconds, and then gives them up. */
  async onApplicationShutdown(): Promise<void> {
    const allSent = Promise.all(this.sending);
    await Promise.race([allSent, setTimeout(LAST_MAILS_MS, undefined, { ref: false })]);
    this.transport?.close({ force: true });
    await allSent; // those that were given up say so in the log
  }

  private capture(mail: Mail): void {
    this.captured.unshift(mail);
    this.captured.length = Math.min(this.captured.length, REMEMBERED);
    if (this.settings.nodeEnv === 'development') this.logger.log(`To ${mail.to}: ${mail.subject}\n${mail.text}`);
  }
}

/** What went wrong; a server may quote the letter that it refuses, and the link in it lets people in. */
const withoutSecrets = ({ message }: Error): string => message.replaceAll(/[\w-]{43,}/g, '…');
