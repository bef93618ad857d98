import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Database, withAdmin } from '@app/database';
import { Key } from './key.entity';

const MAKERS = {
  cursor: () => randomBytes(32).toString('base64url'), // as long as what HMAC-SHA256 makes of it
  jwt: () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
};

/** The secrets the installation made for itself. */
@Injectable()
export class KeysService {
  constructor(@InjectRepository(Key) private readonly keys: Repository<Key>) {}

  async valueOf(name: keyof typeof MAKERS): Promise<string> {
    const key = await this.keys.findOneBy({ name });
    if (!key) throw new Error(`The installation has no key "${name}": run npm run cli -- migrate`);
    return key.value;
  }
}

/** Makes those keys that are missing. */
export async function makeKeys({ adminUrl, names }: Database): Promise<void> {
  await withAdmin(adminUrl, async (client) => {
    const table = `${client.escapeIdentifier(names.platform)}.key`;
    for (const [name, make] of Object.entries(MAKERS)) {
      await client.query(`INSERT INTO ${table} (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [name, make()]);
    }
  });
}
