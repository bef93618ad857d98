import { runInNewContext } from 'node:vm';
import { startApi, TestApi } from '@app/testing';
import { anEmail, PASSWORD } from './people';

describe('GET /', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());

  it('links everything that runs', async () => {
    const { text, headers } = await api.http.get('/').expect(200);
    expect(headers['content-type']).toMatch(/^text\/html/);
    const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, link]) => link);
    expect(links).toEqual(['/docs', '/docs-json', '/health/live', '/health/ready', '/docs']);
    for (const link of links) await api.http.get(link).expect(200);
  });

  it('links the jobs where they can be looked at', async () => {
    const url = 'http://127.0.0.1:3000';
    const other = await startApi({ JOBS_DASHBOARD_URL: url });
    expect((await other.anonymous.get('/').expect(200)).text).toContain(`<a href="${url}">Jobs</a>`);
    await other.close();
  });

  it('says how to sign in, which the documentation can', async () => {
    const { text } = await api.anonymous.get('/').expect(200);
    expect(text).toContain('<code>demo@example.com</code> with\n<code>demo-password</code>');
    const { components } = (await api.anonymous.get('/docs-json').expect(200)).body;
    const { tokenUrl } = components.securitySchemes.oauth2.flows.password;
    const form = { grant_type: 'password', username: 'demo@example.com', password: 'demo-password' };
    await api.anonymous.post(tokenUrl).type('form').send(form).expect(200);
  });

  it('shows the mail that was captured, as text, and its links lead to a page that asks for what they need', async () => {
    const email = anEmail();
    const tenantName = '<script>alert(1)</script>';
    await api.anonymous.post('/api/v1/auth/sign-up').send({ email, password: PASSWORD, tenantName }).expect(202);
    const { text } = await api.anonymous.get('/').expect(200);
    expect(text).toContain(email);
    expect(text).not.toContain('<script>');
    const [, path] = /href="http:\/\/[^/"]+(\/account)#verify=[\w-]{43}&#38;email=[^"@]+%40example\.com"/.exec(text)!;
    const page = await api.anonymous.get(path).expect(200);
    const [, script] = /<script src="([^"]+)">/.exec(page.text)!;
    const { headers } = await api.anonymous.get(script).expect(200);
    expect(headers['content-type']).toMatch(/^text\/javascript/);
    const acts = [...page.text.matchAll(/data-path="([^"]+)"/g)].map(([, act]) => act);
    expect(acts).toHaveLength(3);
    for (const act of acts) {
      const { status } = await api.anonymous.post(`/api/v1/auth/${act}`).send({ token: 'x', password: PASSWORD });
      expect([400, 422]).toContain(status); // there, and not content with that
    }
  });

  it.each([
    ['verify', 'Confirm your e-mail address', ['email: username']],
    ['reset', 'Choose a new password', ['email: username', 'password: new-password']],
    ['accept', 'Accept the invitation', ['email: username', 'password: current-password']],
  ])('has a form for #%s that browsers and password managers understand', async (act, heading, expected) => {
    const { text } = await api.anonymous.get('/account').expect(200);
    const [, form] = new RegExp(`<form id="${act}"[^>]* hidden>(.*?)</form>`, 's').exec(text)!;
    expect(form).toContain(`<h1>${heading}</h1>`);
    const labelled = [...form.matchAll(/<label>[^<]+<br>\s*<input type="(\w+)" name="\1" autocomplete="([\w-]+)"/g)];
    expect(labelled.map(([, name, autocomplete]) => `${name}: ${autocomplete}`)).toEqual(expected);
    expect(form.match(/<input/g)).toHaveLength(expected.length);
    if (form.includes('type="password"')) expect(form).toMatch(/minlength="10" maxlength="200" required>/);
  });

  it('shows the form that a link is about, with its address, and sends what it asks for', async () => {
    const { text: script } = await api.anonymous.get('/account/script.js').expect(200);
    const [status, sent] = [{ textContent: '' }, [] as unknown[]];
    let submit: (event: object) => Promise<void>;
    const form = (id: string, path: string) => ({
      id,
      hidden: true,
      dataset: { path, done: 'Done.' },
      elements: { email: { value: '' }, password: { value: PASSWORD } },
      addEventListener: (_type: string, listener: typeof submit) => (submit = listener),
    });
    const forms = [form('verify', 'verify'), form('reset', 'password/reset')];
    runInNewContext(script, {
      URLSearchParams,
      location: { hash: '#reset=abc-_&email=ada%2Bbooks%40example.com' },
      document: { forms, querySelector: () => status },
      fetch: (url: string, { body }: { body: string }) => sent.push([url, JSON.parse(body)]) && { ok: true },
    });
    expect(forms.map(({ hidden }) => hidden)).toEqual([true, false]);
    expect(forms[1].elements.email.value).toBe('ada+books@example.com');
    await submit!({ preventDefault: () => undefined });
    expect(sent).toEqual([['/api/v1/auth/password/reset', { token: 'abc-_', password: PASSWORD }]]);
    expect(status.textContent).toBe('Done.');
  });

  it('is alive and ready', async () => {
    expect((await api.http.get('/health/live').expect(200)).body).toEqual({ status: 'live' });
    expect((await api.http.get('/health/ready').expect(200)).body).toEqual({ status: 'ready' });
  });

  it('has the headers that keep browsers from doing harm, on errors too', async () => {
    for (const path of ['/', '/api/v1/books', '/nowhere']) {
      const { headers } = await api.http.get(path);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.stringContaining("default-src 'self'"),
      });
      expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests'); // it is served over http
    }
  });
});

describe('CORS_ORIGINS', () => {
  it('lets the origins in that are listed, with every verb, and no others', async () => {
    const api = await startApi({ CORS_ORIGINS: 'https://app.example.com' });
    try {
      const preflight = (origin: string) =>
        api.http.options('/api/v1/books/bulk').set('Origin', origin).set('Access-Control-Request-Method', 'PATCH');
      const { headers } = await preflight('https://app.example.com').expect(204);
      expect(headers['access-control-allow-origin']).toBe('https://app.example.com');
      expect(headers['access-control-allow-methods']).toContain('PATCH');
      expect((await preflight('https://evil.example.com')).headers['access-control-allow-origin']).not.toBe(
        'https://evil.example.com',
      );
    } finally {
      await api.close();
    }
  });
});
