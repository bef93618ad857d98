import { ndjson, newBooks } from '../books';
import { Ask } from '../load';
import { withMemoryOf } from '../memory';
import { shortly } from '../report/format';
import { Target } from '../targets';
import { mustHaveGrown } from './must-have-grown';
import { Workload } from './workload';

const NDJSON = 'application/x-ndjson';
const IMPORT = '/import?mode=create&onError=abort';
const WARM_UP = 10_000; // rows: more than a new process needs to have its code compiled and its heap at size

/** A file of new books, all or none of which is written; `yardstick` names the figure of bare that it is compared with. */
export const importFile = (rows: number, yardstick: string): Workload => {
  let file: Buffer | undefined;
  return {
    name: 'import',
    figures: [
      {
        title: `import ${shortly(rows)}`,
        unit: 'rows/s',
        target: { times: 100 / 120, of: 'bare', at: yardstick },
      },
      { title: `import ${shortly(rows)}: memory growth`, unit: 'MB', atLeast: { below: 100 } },
    ],
    isFresh: true,
    probe: async (target) => (await target.ask(IMPORT, upload(ndjson(newBooks('probe', 1))))).status,
    measure: async (target) => {
      file ??= fileOf('file', rows);
      await target.must(IMPORT, upload(fileOf('warm-up', WARM_UP)));
      const { result, grownBy } = await mustHaveGrown(target, rows, () =>
        withMemoryOf(target.pid, () => target.must(IMPORT, upload(file!))),
      );
      return [rows / (result.endedAt / 1_000), grownBy];
    },
  };
};

/** Every book of the table as a file. */
export const exportFile = (rows: number): Workload => ({
  name: 'export',
  figures: [
    { title: `export ${shortly(rows)}`, unit: 'rows/s' },
    { title: `export ${shortly(rows)}: first byte`, unit: 'ms', target: { below: 200 } },
    { title: `export ${shortly(rows)}: memory growth`, unit: 'MB', atLeast: { below: 50 } },
  ],
  holds: rows,
  isFresh: true,
  probe: async (target) => (await target.ask('/export', download)).status,
  measure: async (target) => {
    await target.table.hold(WARM_UP);
    await target.must('/export', download);
    await target.table.hold(rows);
    const { result, grownBy } = await withMemoryOf(target.pid, () => target.must('/export', download));
    const lines = linesIn(result.body);
    if (lines !== rows) throw new Error(`${target.name} was to export ${rows} books, and exported ${lines}.`);
    return [rows / (result.endedAt / 1_000), result.firstByteAt, grownBy];
  },
});

/** A new process, until it says that it is ready; its database is there. */
export const start: Workload = {
  name: 'start',
  figures: [{ title: 'start to ready', unit: 's', target: { below: 5 } }],
  isFresh: true,
  measure: ({ startedIn }: Target) => Promise.resolve([startedIn]),
};

const upload = (body: Buffer): Ask => ({ method: 'POST', headers: { 'content-type': NDJSON }, body, streams: true });
const download: Ask = { headers: { accept: NDJSON } };

/** Made in pieces: as objects, a million books would take a gigabyte. */
function fileOf(mark: string, rows: number): Buffer {
  const pieces: Buffer[] = [];
  for (let start = 0; start < rows; start += WARM_UP)
    pieces.push(ndjson(newBooks(`${mark}-${start}`, Math.min(WARM_UP, rows - start))));
  return Buffer.concat(pieces);
}

function linesIn(body: Buffer): number {
  let lines = 0;
  for (let at = body.indexOf(10); at >= 0; at = body.indexOf(10, at + 1)) lines++;
  return lines;
}
