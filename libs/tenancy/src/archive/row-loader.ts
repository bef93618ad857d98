import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { escapeIdentifier as quote, type ClientBase } from 'pg';
import { copyFrom, copyText, postgresError } from '@app/database';
import { BadArchive } from '../tenant-errors';
import { ArchivedTable } from './contents';

const CHUNK = 65_536; // characters; smaller ones make more messages, larger ones no fewer round trips

/** Fills tables from rows as they come, by one COPY for the rows of a table that follow each other. */
export class RowLoader {
  private current?: { name: string; columns: string[]; stream: Writable; done: Promise<void> };
  private text = '';

  constructor(
    private readonly client: ClientBase,
    private readonly tables: ArchivedTable[],
  ) {}

  /** Takes the row that stands in line `number`. */
  async add(name: string, row: Record<string, string | null>, number: number): Promise<void> {
    if (this.current?.name !== name) await this.begin(name, number);
    const { columns } = this.current!;
    if (Object.keys(row).length !== columns.length || !columns.every((column) => column in row))
      throw new BadArchive(`Line ${number} of the archive does not have the columns of the table ${name}.`);
    this.text += `${columns.map((column) => copyText(row[column])).join('\t')}\n`;
    if (this.text.length >= CHUNK) await this.send();
  }

  /** Waits until Postgres has taken the rows so far. */
  async flush(): Promise<void> {
    if (!this.current) return;
    await this.send();
    const { stream, done } = this.current;
    this.current = undefined;
    stream.end();
    await done;
  }

  /** Gives up the COPY under way. */
  async abort(): Promise<void> {
    this.current?.stream.destroy(new Error('The import was given up.'));
    await this.current?.done.catch(() => undefined);
  }

  private async begin(name: string, number: number): Promise<void> {
    await this.flush();
    const table = this.tables.find((table) => table.name === name);
    if (!table)
      throw new BadArchive(`Line ${number} of the archive is of the table ${name}, which tenants do not have.`);
    const { columns } = table;
    const stream = this.client.query(copyFrom(`COPY ${quote(name)} (${columns.map(quote).join(', ')}) FROM STDIN`));
    const done = finished(stream).catch((error: Error) => {
      if (!postgresError(error)) throw error;
      throw new BadArchive(`The rows of the table ${name} cannot be loaded: ${error.message}.`);
    });
    done.catch(() => undefined); // whoever sends or ends the rows hears of it
    this.current = { name, columns, stream, done };
  }

  private async send(): Promise<void> {
    const { stream, done } = this.current!;
    const isTaken = !this.text || stream.write(this.text);
    this.text = '';
    if (stream.destroyed) await done;
    if (!isTaken) await Promise.race([once(stream, 'drain'), done]);
  }
}
