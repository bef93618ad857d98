import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { exportTenant } from '@app/tenancy';
import { inLines, withProgress } from '../../progress';
import { remark, withDatabase } from '../../with-database';
import type { TenantCommand } from '.';
import { nameAnd } from './arguments';

export const exportation: TenantCommand = {
  takes: 'NAME [--file FILE]',
  help: 'write all data of a tenant to a new file, or to the output',
  run: async (args) => {
    const { name, file } = nameAnd(args, { file: { type: 'string' } });
    // Nothing but the archive may go to the output.
    await withDatabase(
      (database) =>
        withProgress('rows exported', async ({ follow = inLines('rows exported', remark) }) => {
          const archive = await exportTenant(database, name, follow);
          await (file === undefined ? pipeline(archive, process.stdout, { end: false }) : toFile(archive, file));
        }),
      undefined,
      remark,
    );
    remark(`Exported the tenant ${name}${file === undefined ? '' : ` to ${file}`}.`);
  },
};

/** Writes a new file, and leaves none when that fails: half an archive is of no use. */
async function toFile(archive: Readable, file: string): Promise<void> {
  try {
    await pipeline(archive, createWriteStream(file, { flags: 'wx', mode: 0o600 })); // whoever may read it reads everything
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new Error(`There is a file ${file} already: name another, or delete it.`, { cause: error });
    await rm(file, { force: true });
    throw error;
  }
}
