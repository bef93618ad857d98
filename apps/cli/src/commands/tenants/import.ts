import { open, type FileHandle } from 'node:fs/promises';
import { type Follow, importTenant } from '@app/tenancy';
import { inLines, withProgress } from '../../progress';
import { remark, say, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nameAnd } from './arguments';

export const importation: TenantCommand = {
  takes: 'NAME --file FILE [--title TITLE]',
  help: 'make a tenant from what was exported',
  run: async (args) => {
    const { name, file, title } = nameAnd(args, { file: { type: 'string' }, title: { type: 'string' } });
    if (file === undefined) throw new Error('Say what to import: --file FILE.');
    const handle = await open(file).catch((error: Error) => {
      throw new Error(`The file ${file} cannot be read: ${error.message}.`, { cause: error });
    });
    try {
      await withDatabase((database) =>
        withProgress('bytes imported', async ({ follow = inLines('bytes imported', remark) }) =>
          importTenant(database, name, await followed(handle, follow), { title }),
        ),
      );
    } finally {
      await handle.close();
    }
    say(`Imported the tenant ${name} from ${file}.`);
  },
};

/** What is in a file, counted while it is read. */
async function followed(handle: FileHandle, follow: Follow): Promise<AsyncIterable<Buffer>> {
  const { size } = await handle.stat();
  const chunks: AsyncIterable<Buffer> = handle.createReadStream({ autoClose: false });
  return (async function* () {
    let read = 0;
    for await (const chunk of chunks) {
      read += chunk.length;
      follow(read, size);
      yield chunk;
    }
  })();
}
