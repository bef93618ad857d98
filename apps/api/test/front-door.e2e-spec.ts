import { startApi, TestApi } from '@app/testing';

describe('GET /', () => {
  let api: TestApi;
  beforeAll(async () => (api = await startApi()));
  afterAll(() => api.close());

  it('links everything that runs', async () => {
    const { text, headers } = await api.http.get('/').expect(200);
    expect(headers['content-type']).toMatch(/^text\/html/);
    const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, link]) => link);
    expect(links).toEqual([
      '/docs',
      '/docs-json',
      '/api/v1/books',
      '/api/v1/critics',
      '/api/v1/reviews',
      '/health/live',
      '/health/ready',
    ]);
    for (const link of links) await api.http.get(link).expect(200);
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
