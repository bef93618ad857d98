import { randomInt } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** The port of a cluster: chosen once and remembered, so that a URL noted yesterday still works today. */
export async function rememberedPort(file: string): Promise<number> {
  const remembered = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!remembered) return choose(file);
  if (await isFree(remembered)) return remembered;
  throw new Error(
    `Port ${remembered}, on which this project's Postgres listens, is taken by another program. ` +
      `End that program, or delete ${file} and a new port is chosen.`,
  );
}

async function choose(file: string): Promise<number> {
  let port: number;
  // Below 32768, where Linux begins to hand out ports to outgoing connections: from there it would be taken now and then.
  do port = randomInt(15_432, 32_768);
  while (!(await isFree(port)));
  await writeFile(file, `${port}\n`);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
