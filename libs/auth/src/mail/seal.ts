import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Injectable, OnModuleInit } from '@nestjs/common';
import { Settings } from '@app/config';
import { KeysService } from '@app/tenancy';

const CIPHER = 'aes-256-gcm';
const [NONCE_BYTES, TAG_BYTES] = [12, 16];

/** Keeps texts from whoever has only the database, in production: the key follows from CURSOR_SECRET. */
@Injectable()
export class Seal implements OnModuleInit {
  private key?: Buffer;

  constructor(
    private readonly settings: Settings,
    private readonly keys: KeysService,
  ) {}

  /** A request would read the key over a second connection, and might hold the last one of the pool itself. */
  async onModuleInit(): Promise<void> {
    await this.keyOf().catch(() => undefined); // before the migrations there is none
  }

  async close(text: string): Promise<string> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, await this.keyOf(), nonce);
    const parts = [cipher.update(text, 'utf8'), cipher.final()];
    return Buffer.concat([nonce, cipher.getAuthTag(), ...parts]).toString('base64url');
  }

  /** Throws where the text was sealed with another key, or changed. */
  async open(sealed: string): Promise<string> {
    const bytes = Buffer.from(sealed, 'base64url');
    const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
    const decipher = createDecipheriv(CIPHER, await this.keyOf(), nonce, { authTagLength: TAG_BYTES }).setAuthTag(tag);
    return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  }

  private async keyOf(): Promise<Buffer> {
    if (this.key) return this.key;
    const secret = this.settings.cursorSecret ?? (await this.keys.valueOf('cursor'));
    return (this.key = Buffer.from(hkdfSync('sha256', secret, '', 'mail', 32)));
  }
}
