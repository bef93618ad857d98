import { Readable } from 'node:stream';
import { HttpException } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { currentUnit } from '@app/database';
import { Hopeless, Job, JobHandler, JobOutcome, SayProgress } from '@app/jobs';
import { Problem } from '../../problem/problem';
import { ImportQuery } from '../../reading/list-query';
import { ImportReport } from '../importer';
import { Upload } from '../upload';
import { bytesOf, dropFile, KeptFile } from './kept-files';

/** A file to import, and by which controller. */
export interface ImportOrder {
  controller: string;
  file: KeptFile;
  upload: Omit<Upload, 'body'>;
  how: ImportQuery;
}

/** A controller that imports files. */
interface Importing {
  importFile(upload: Upload, how: ImportQuery): Promise<ImportReport>;
}

/** Imports a file that was kept, and drops it. A file that is refused is done with too: another try would end no better. */
@Job('crud.import', { expireSeconds: 3_600 })
export class ImportFile implements JobHandler<ImportOrder> {
  constructor(private readonly discovery: DiscoveryService) {}

  async run({ controller, file, upload, how }: ImportOrder, say: SayProgress): Promise<JobOutcome> {
    const importing = this.find(controller);
    const outcome = await currentUnit()
      .attempt(async () => {
        const body = Readable.from(
          counted(bytesOf(file), (passed) => say(passed / file.size)),
          { objectMode: false },
        );
        const result = await importing.importFile({ ...upload, body }, how);
        if (how.dryRun) throw new Rehearsed(result);
        return { result };
      })
      .catch(outcomeOf);
    await dropFile(file);
    return outcome;
  }

  private find(controller: string): Importing {
    const found = this.discovery.getControllers().find(({ metatype }) => metatype?.name === controller);
    if (!found) throw new Hopeless(`No controller is called ${controller} any longer.`);
    return found.instance as Importing;
  }
}

/** Undoes an import that was to be tried only. */
class Rehearsed extends Error {
  constructor(readonly result: ImportReport) {
    super('A dry run keeps nothing.');
  }
}

/** What a refused file is told, as its sender would have been. Throws what is our fault. */
function outcomeOf(error: unknown): JobOutcome {
  if (error instanceof Rehearsed) return { result: error.result };
  if (error instanceof Problem) return { problem: error.body };
  if (!(error instanceof HttpException) || error.getStatus() >= 500) throw error;
  return { problem: { status: error.getStatus(), code: 'refused', detail: error.message } };
}

async function* counted(chunks: AsyncIterable<Buffer>, say: (passed: number) => void): AsyncGenerator<Buffer> {
  let passed = 0;
  for await (const chunk of chunks) {
    passed += chunk.length;
    say(passed);
    yield chunk;
  }
}
