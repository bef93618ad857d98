import { newId } from '@app/database';
import { digestOf, newSecret } from '../secrets';

/** A new API key: its id, what is stored of its secret, and the text it is used by, which nobody can tell again. */
export function newApiKey(): { id: string; secretHash: Buffer; key: string } {
  const [id, secret] = [newId(), newSecret()];
  return { id, secretHash: digestOf(secret), key: `ak_${id}.${secret}` };
}
