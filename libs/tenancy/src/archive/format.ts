import { BadArchive } from '../tenant-errors';

const FORMAT = 'tenant-archive/1';

/** What the first line of an archive says: whose it is, and of which state of the schema. */
export interface ArchiveHeader {
  name: string;
  title: string;
  /** The timestamp of the newest migration its tables have. */
  migratedTo: number;
  /** ISO 8601. */
  exportedAt: string;
}

/** A line of an archive after the first: a row, every value of it as Postgres spells it; how far a sequence is; or the end. */
export type ArchiveLine =
  | { table: string; row: Record<string, string | null> }
  | { sequence: string; value: string }
  | { end: { rows: number } };

export const headerLine = (header: ArchiveHeader): string => `${JSON.stringify({ format: FORMAT, ...header })}\n`;
export const archiveLine = (line: ArchiveLine): string => `${JSON.stringify(line)}\n`;

/** The header of an archive that fits schemas migrated to `newest`. Throws a sentence about any other. */
export function readHeader(line: string | undefined, newest: number): ArchiveHeader {
  if (line === undefined) throw new BadArchive('The archive is empty.');
  const header = parse(line) as (ArchiveHeader & { format: string }) | undefined;
  if (header?.format !== FORMAT || typeof header.title !== 'string')
    throw new BadArchive(`This is not the archive of a tenant: its first line has no "format":"${FORMAT}".`);
  if (header.migratedTo !== newest) {
    throw new BadArchive(
      `The archive was exported at migration ${header.migratedTo}, and this release is at ${newest}: ` +
        'import it with the release it comes from, migrate, and export it again.',
    );
  }
  return header;
}

/** What line `number` of an archive says. Throws a sentence when it is none of its lines. */
export function readLine(line: string, number: number): ArchiveLine {
  const said = parse(line) as Record<string, any> | undefined;
  const isLine =
    (typeof said?.table === 'string' && isRow(said.row)) ||
    (typeof said?.sequence === 'string' && /^-?\d+$/.test(said.value)) ||
    Number.isInteger(said?.end?.rows);
  if (!isLine) throw new BadArchive(`Line ${number} of the archive cannot be read: it is damaged or cut off.`);
  return said as ArchiveLine;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) ?? undefined;
  } catch {
    return undefined;
  }
}

const isRow = (row: unknown): boolean =>
  typeof row === 'object' &&
  row !== null &&
  Object.values(row).every((value) => value === null || typeof value === 'string');
