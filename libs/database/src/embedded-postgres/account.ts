import { type Account, run } from './run';

const NAME = 'postgres';
const CREATE = `useradd --system --no-create-home --shell /usr/sbin/nologin ${NAME}`;

/** Finds, or makes, the system user that runs Postgres for root; whoever is not root needs none. */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  return (await find()) ?? (await create());
}

/** The first of these directories that the account may not enter. */
export async function firstClosed(directories: string[], account: Account): Promise<string | undefined> {
  // Asked as the account itself, because mode bits do not tell the whole truth (ACLs, root-squashed mounts).
  const look = 'for d; do [ ! -e "$d" ] && exit; [ -x "$d" ] || { printf %s "$d"; exit; }; done';
  return (await run('/bin/sh', ['-c', look, 'sh', ...directories], account)) || undefined;
}

async function find(): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', NAME], undefined), run('id', ['-g', NAME], undefined)]);
    return { name: NAME, uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}

async function create(): Promise<Account> {
  const [program, ...args] = CREATE.split(' ');
  try {
    await run(`/usr/sbin/${program}`, args, undefined);
  } catch (error) {
    // Another process may have made it in the meantime.
    const found = await find();
    if (found) return found;
    throw new Error(
      `Postgres refuses to run as root, and its system user "${NAME}" could not be created. ` +
        `Run \`${CREATE}\` yourself, start as an ordinary user, or set DATABASE_URL to a Postgres of your own.`,
      { cause: error },
    );
  }
  return (await find())!;
}
