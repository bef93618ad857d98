import { randomUUID } from 'node:crypto';
import { CreateCriticDto } from './critic.dto';

/** A critic who can be created: no other has their username. */
export const aCritic = (values: Partial<CreateCriticDto> = {}): CreateCriticDto => ({
  username: `ada-${randomUUID()}`,
  name: 'Ada Lovelace',
  bio: 'Reads the footnotes first.',
  ...values,
});
