import { isUUID } from 'class-validator';
import { listDeadLetters, replayDeadLetters } from '@app/jobs';
import { say, withDatabase } from '../with-database';
import type { Command } from '.';

const HOW = 'Type npm run cli -- jobs dead, jobs replay ID…, or jobs replay all.';

type Act = (args: string[]) => Promise<void>;

const dead: Act = async (args) => {
  if (args.length) throw new Error(HOW);
  const letters = await withDatabase(listDeadLetters);
  for (const { id, job, tenantId, requestId, diedAt, why } of letters)
    say([id, diedAt.toISOString(), job, tenantId ?? 'no tenant', requestId ?? 'no request', why].join('  '));
  if (!letters.length) say('There is no dead letter.');
};

const replay: Act = async (ids) => {
  if (!ids.length || !(ids.join() === 'all' || ids.every((id) => isUUID(id)))) throw new Error(HOW);
  const count = await withDatabase((database) => replayDeadLetters(database, ids.join() === 'all' ? {} : { ids }));
  if (ids.join() !== 'all' && count < ids.length)
    throw new Error(`${count} of ${ids.length} wait to be done again: the others are no dead letters.`);
  say(count === 1 ? 'One job waits to be done again.' : `${count} jobs wait to be done again.`);
};

const Acts: Record<string, Act | undefined> = { dead, replay };

export const jobs: Command = {
  help: 'dead: list the jobs that failed every time. replay ID… or all: let them be done again',
  run: async ([name = '', ...args]) => {
    const act = Object.hasOwn(Acts, name) ? Acts[name] : undefined;
    if (!act) throw new Error(HOW);
    await act(args);
  },
};
