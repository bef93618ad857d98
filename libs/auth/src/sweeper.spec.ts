import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { Settings } from '@app/config';
import type { Database } from '@app/database';
import { Sweeper } from './sweeper';

const HOUR = 3_600_000; // ms
const query = jest.fn();
const sweeper = (NODE_ENV: string) =>
  new Sweeper(
    { names: { platform: 'platform' } } as Database,
    { query } as unknown as DataSource,
    Settings.from({ NODE_ENV }, 'there is no such file'),
  );

describe('the hourly sweep', () => {
  let warned: jest.SpyInstance;
  beforeEach(() => {
    jest.useFakeTimers();
    warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    query.mockReset().mockResolvedValue([[], 0]);
  });
  afterEach(() => {
    jest.useRealTimers();
    warned.mockRestore();
  });

  it('goes over six tables each hour until the process stops', async () => {
    const running = sweeper('development');
    running.onModuleInit();
    await jest.advanceTimersByTimeAsync(HOUR - 1);
    expect(query).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(query).toHaveBeenCalledTimes(6);
    await jest.advanceTimersByTimeAsync(HOUR);
    expect(query).toHaveBeenCalledTimes(12);
    running.onApplicationShutdown();
    await jest.advanceTimersByTimeAsync(3 * HOUR);
    expect(query).toHaveBeenCalledTimes(12);
  });

  it('goes on after one that failed, which is in the log', async () => {
    const running = sweeper('development');
    query.mockRejectedValueOnce(new Error('The database is away.'));
    running.onModuleInit();
    await jest.advanceTimersByTimeAsync(HOUR);
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ message: 'What has expired could not be deleted.' }));
    await jest.advanceTimersByTimeAsync(HOUR);
    expect(query).toHaveBeenCalledTimes(7);
    running.onApplicationShutdown();
  });

  it('is off in tests', async () => {
    sweeper('test').onModuleInit();
    await jest.advanceTimersByTimeAsync(2 * HOUR);
    expect(query).not.toHaveBeenCalled();
  });
});
