import { Settings } from '@app/config';
import { createLogger } from './logger';
import { NestLogger } from './nest-logger';
import { runWithRequest } from './request-context';

const lines: string[] = [];
const logger = createLogger(Settings.from({ NODE_ENV: 'test', LOG_LEVEL: 'info' }), {
  write: (line) => void lines.push(line),
});
const lastLine = (): unknown => JSON.parse(lines.at(-1)!);

describe('the logger', () => {
  it.each([
    'password',
    'currentPassword',
    'newPassword',
    'secret',
    'token',
    'accessToken',
    'refreshToken',
    'authorization',
    'cookie',
    'set-cookie',
    'x-api-key',
  ])('never shows the value of %s, which anybody may hand to it', (name) => {
    logger.info({ [name]: 'sesame', of: { [name]: 'sesame' } }, 'here');
    new NestLogger(logger).log('here', { request: { [name]: 'sesame' } }, { [name]: 'sesame' }, 'Books');
    expect(lines.slice(-2).join()).toContain(`"${name}":"[Redacted]"`);
    expect(lines.slice(-2).join()).not.toContain('sesame');
  });

  it('shows of an error what and where, but not what a driver hangs on it', () => {
    const error = Object.assign(new Error('broken'), { code: '23505', parameters: ['sesame'], detail: 'sesame' });
    logger.error({ err: error }, 'failed');
    expect(lastLine()).toMatchObject({ err: { message: 'broken', code: '23505', stack: expect.any(String) } });
    expect(lines.at(-1)).not.toContain('sesame');
  });

  it('says which request a line belongs to', () => {
    runWithRequest({ requestId: 'first' }, () => logger.info('within'));
    expect(lastLine()).toMatchObject({ requestId: 'first', msg: 'within', level: 'info' });
    logger.info('outside');
    expect(lastLine()).not.toHaveProperty('requestId');
  });
});
