import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '@app/access';
import { page } from './page';

/** Where the links in our mails lead. Put pages of your own in its place: the token is what follows the #. */
@Public()
@ApiExcludeController()
@Controller('account')
export class AccountController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  show(): string {
    return page(`<h1>One more step</h1>
<form hidden>
  <p hidden><label>Password <input type="password" minlength="10" autocomplete="current-password"></label></p>
  <button>Confirm</button>
</form>
<p role="status">This page needs a link from one of our mails, and JavaScript.</p>
<script src="/account/script.js"></script>`);
  }

  @Get('script.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return SCRIPT;
  }
}

const SCRIPT = `const acts = {
  verify: { path: 'verify', done: 'Your address is confirmed: you can sign in.' },
  reset: { path: 'password/reset', asks: true, done: 'Your password is changed: you can sign in.' },
  accept: { path: 'invitations/accept', asks: true, done: 'You have joined: you can sign in.' },
};
const [name, token] = location.hash.slice(1).split('=');
const act = acts[name];
const form = document.querySelector('form');
const status = document.querySelector('[role=status]');
if (act && token) {
  form.hidden = false;
  form.querySelector('p').hidden = !act.asks;
  form.querySelector('input').required = Boolean(act.asks);
  status.textContent = '';
}
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = act.asks ? { token, password: form.querySelector('input').value } : { token };
  const answer = await fetch('/api/v1/auth/' + act.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  form.hidden = answer.ok;
  status.textContent = answer.ok ? act.done : (await answer.json()).detail;
});
`;
