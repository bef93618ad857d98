import { Logger, pino } from 'pino';
import { Settings } from '@app/config';
import { currentRequest } from './request-context';

/** The logger of this process: JSON lines for machines or coloured ones for people, each with the id of its request. */
export function createLogger(settings: Settings): Logger {
  const pretty = (settings.logFormat ?? (settings.nodeEnv === 'development' ? 'pretty' : 'json')) === 'pretty';
  return pino({
    level: settings.logLevel,
    base: undefined, // pid and host name: the container's runtime knows them
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin: () => ({ ...currentRequest() }), // a copy: pino writes the line's own fields into it
    serializers: { err: withoutValues },
    redact: [
      'password',
      'token',
      'secret',
      'authorization',
      'cookie',
      '*.password',
      '*.token',
      '*.secret',
      '*.authorization',
      '*.cookie',
    ],
    transport: pretty
      ? { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss.l', ignore: 'requestId' } }
      : undefined,
  });
}

/** An error without what a driver hangs on it: the statement, and its parameters, which are people's data. */
function withoutValues(error: Error): object {
  const { type, message, stack, code } = pino.stdSerializers.err(error) as {
    type: string;
    message: string;
    stack: string;
    code?: string;
  };
  return { type, message, stack, code };
}
