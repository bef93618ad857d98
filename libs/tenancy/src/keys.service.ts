import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Database, withAdmin } from '@app/database';
import { Key } from './key.entity';

const KEYS = ['cursor'] as const;

/** The secrets the installation made for itself. */
@Injectable()
export class KeysService {
  constructor(@InjectRepository(Key) private readonly keys: Repository<Key>) {}

  async valueOf(name: (typeof KEYS)[number]): Promise<string> {
    const key = await this.keys.findOneBy({ name });
    if (!key) throw new Error(`The installation has no key "${name}": run npm run cli -- migrate`);
    return key.value;
  }
}

/** Makes those keys that are missing. */
export async function makeKeys({ adminUrl, names }: Database): Promise<void> {
  await withAdmin(adminUrl, async (client) => {
    const table = `${client.escapeIdentifier(names.platform)}.key`;
    for (const name of KEYS) {
      const value = randomBytes(32).toString('base64url'); // as long as what HMAC-SHA256 makes of it
      await client.query(`INSERT INTO ${table} (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [name, value]);
    }
  });
}
