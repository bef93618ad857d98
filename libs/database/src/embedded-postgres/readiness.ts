import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';

const SILENCE_MS = 30_000; // a server that neither answers nor ends within this is broken
const RECOVERY_MS = 5 * 60_000; // replaying the log of a killed server may take this long
const REPORT_MS = 5_000;

/** Asks a server until it answers and returns its URL; undefined when there is no server to ask any more. */
export async function waitUntilReady(
  urlOfLiving: () => Promise<string | undefined>,
  passwordFile: string,
  announce: (sentence: string) => void,
): Promise<string | undefined> {
  const began = Date.now();
  let reported = began;
  let deadline = began + SILENCE_MS;
  for (;;) {
    const url = await urlOfLiving();
    if (!url) return undefined;
    const refusal = await ask(url);
    if (!refusal) return url;
    // Class 28: the password does not fit, which no waiting mends.
    if (refusal.code?.startsWith('28')) {
      throw new Error(`Postgres refuses the password in ${passwordFile} (${refusal.message}): correct it there.`);
    }
    // 57P03: it lives, and says that it is starting up, recovering or shutting down.
    if (refusal.code === '57P03') deadline = Math.min(Date.now() + SILENCE_MS, began + RECOVERY_MS);
    if (Date.now() > deadline) throw new Error(`Postgres has not become ready: ${refusal.message}.`);
    if (Date.now() - reported > REPORT_MS) {
      reported = Date.now();
      announce(`Waiting for Postgres for ${Math.round((reported - began) / 1000)} s: ${refusal.message}.`);
    }
    await pause(20);
  }
}

interface Refusal {
  code?: string;
  message: string;
}

async function ask(connectionString: string): Promise<Refusal | undefined> {
  const client = new Client({ connectionString, ssl: false, connectionTimeoutMillis: 5_000 });
  // A server that ends while we ask would otherwise end this process too.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error as Refusal;
  } finally {
    await client.end().catch(() => undefined);
  }
}
