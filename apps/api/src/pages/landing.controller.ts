import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '@app/access';
import { DEMO_LOGIN, Mail, Mailer } from '@app/auth';
import { Settings } from '@app/config';
import { escaped, page } from './page';

/** The page at `/`, which links everything that runs, and in development says how to sign in. */
@Public()
@ApiExcludeController()
@Controller()
export class LandingController {
  constructor(
    private readonly settings: Settings,
    private readonly mailer: Mailer,
  ) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  show(): string {
    const { isProduction, signsIn, jobsDashboardUrl } = this.settings;
    const development = isProduction || !signsIn ? '' : demo() + mailbox(this.mailer.captured);
    return page(`<h1>It runs.</h1>
<ul>
  <li><a href="/docs">Documentation</a>, to read and to try out; <a href="/docs-json">the same for programs</a></li>
  <li>Is it <a href="/health/live">alive</a>? Is it <a href="/health/ready">ready</a>?</li>
${isProduction || !jobsDashboardUrl ? '' : jobs(jobsDashboardUrl)}</ul>
${development}`);
  }
}

const jobs = (url: string): string => `  <li><a href="${escaped(url)}">Jobs</a> that wait, run and ran</li>
`;

const demo = (): string => `<h2>Sign in</h2>
<p>In <a href="/docs">the documentation</a>, press <b>Authorize</b> and sign in as <code>${DEMO_LOGIN.email}</code> with
<code>${DEMO_LOGIN.password}</code>: the owner of the tenant <code>demo</code>. Production has no such login.</p>
`;

const mailbox = (mails: Mail[]): string => `<h2>Mail</h2>
${mails.map(letter).join('\n') || '<p>Nothing was sent yet.</p>'}
`;

const letter = ({ to, subject, text }: Mail): string => `<h3>${escaped(subject)}</h3>
<p>To ${escaped(to)}</p>
<pre>${escaped(text).replaceAll(/https?:\/\/\S+/g, (url) => `<a href="${url}">${url}</a>`)}</pre>`;
