import { Logger } from '@nestjs/common';
import { AbstractLogger, LogLevel, LogMessage } from 'typeorm';

/** TypeORM's lines in our log: failed and slow statements, never their parameters, which may hold personal data. */
class TypeOrmLogger extends AbstractLogger {
  private readonly logger = new Logger('TypeORM');

  protected writeLog(level: LogLevel, message: LogMessage | LogMessage[]): void {
    for (const { type, message: text } of this.prepareLogMessages(message, { appendParameterAsComment: false })) {
      const line = String(text).replace(/\s+/g, ' ').slice(0, 500);
      if (type === 'query-error' || level === 'warn') this.logger.debug(line);
      else if (type === 'query-slow') this.logger.warn(line);
    }
  }
}

/** For migrations: what fails is thrown, and whoever runs them says what became of each. */
export const silentTypeOrmLogger = new TypeOrmLogger([]);

/** Failed statements are lines of level debug: whoever ran them decides whether that is an error. */
export const createTypeOrmLogger = (): TypeOrmLogger => new TypeOrmLogger(['error', 'warn']);
