import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '@app/access';
import { page } from './page';

/** Where the links in our mails lead. Put pages of your own in its place: what follows the # is `ACT=TOKEN&email=ADDRESS`. */
@Public()
@ApiExcludeController()
@Controller('account')
export class AccountController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  show(): string {
    return page(FORMS);
  }

  @Get('script.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return SCRIPT;
  }
}

// The address is not sent: it tells a password manager whose password it is.
const EMAIL = `<p><label>E-mail address<br>
    <input type="email" name="email" autocomplete="username" readonly></label></p>`;
const password = (label: string, autocomplete: 'new-password' | 'current-password'): string => `<p><label>${label}<br>
    <input type="password" name="password" autocomplete="${autocomplete}" minlength="10" maxlength="200" required></label></p>`;

/** A form for each thing a link can do; the one that is meant is shown. */
const FORMS = `<form id="verify" data-path="verify" data-done="Your address is confirmed: you can sign in." hidden>
  <h1>Confirm your e-mail address</h1>
  ${EMAIL}
  <button>Confirm</button>
</form>
<form id="reset" data-path="password/reset" data-done="Your password is changed: you can sign in." hidden>
  <h1>Choose a new password</h1>
  ${EMAIL}
  ${password('New password, at least ten characters', 'new-password')}
  <button>Change password</button>
</form>
<form id="accept" data-path="invitations/accept" data-done="You have joined: you can sign in." hidden>
  <h1>Accept the invitation</h1>
  ${EMAIL}
  ${password('Your password here, or if you have none yet, a new one of at least ten characters', 'current-password')}
  <button>Join</button>
</form>
<p role="status">This page needs a link from one of our mails, and JavaScript.</p>
<script src="/account/script.js"></script>`;

const SCRIPT = `const link = new URLSearchParams(location.hash.slice(1));
const form = [...document.forms].find(({ id }) => link.get(id));
const status = document.querySelector('[role=status]');
if (form) {
  form.hidden = false;
  form.elements.email.value = link.get('email') ?? '';
  status.textContent = '';
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const answer = await fetch('/api/v1/auth/' + form.dataset.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: link.get(form.id), password: form.elements.password?.value }),
    });
    form.hidden = answer.ok;
    status.textContent = answer.ok ? form.dataset.done : (await answer.json()).detail;
  });
}
`;
