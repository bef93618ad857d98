import { Injectable, Logger } from '@nestjs/common';
import { Settings } from '@app/config';
import { Jobs } from '@app/jobs';
import { Seal } from './seal';
import { SendMail } from './send-mail.job';

/** A letter to one person. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
}

const REMEMBERED = 20; // mails, for whoever develops to look at

/** Leaves mail for a worker to send by SMTP_URL. Without one it is only captured: development prints it and shows it on the landing page. */
@Injectable()
export class Mailer {
  private readonly logger = new Logger('Mail');
  /** What was captured, the newest first; always empty in production. */
  readonly captured: Mail[] = [];

  constructor(
    private readonly settings: Settings,
    private readonly jobs: Jobs,
    private readonly seal: Seal,
  ) {}

  /** Without a `mail` it does the same work, so that the time it takes does not tell whether there was one to send. */
  async send(mail?: Mail): Promise<void> {
    if (mail && !this.settings.isProduction) this.capture(mail);
    if (!this.settings.smtpUrl) return;
    const sealed = await this.seal.close(JSON.stringify(mail ?? null)); // the link in it lets people in
    await this.jobs.enqueue(SendMail, { sealed });
  }

  private capture(mail: Mail): void {
    this.captured.unshift(mail);
    this.captured.length = Math.min(this.captured.length, REMEMBERED);
    if (this.settings.nodeEnv === 'development') this.logger.log(`To ${mail.to}: ${mail.subject}\n${mail.text}`);
  }
}
