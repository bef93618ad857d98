import { once } from 'node:events';
import { Readable } from 'node:stream';
import { ObjectLiteral } from 'typeorm';
import { BaseEntity, currentUnit, EntitySql } from '@app/database';
import { ExportQuery } from '../reading/list-query';
import { ListSql } from '../reading/list-sql';
import { csvLine } from './csv-line';
import { ExportSql } from './export-sql';

const FETCHED = 1_000; // records at a time where each is shaped by code

/** How the records of an export leave: in which format, with which fields, and shaped by code if the database cannot. */
export interface HowExport<E> {
  format: 'ndjson' | 'csv';
  fields: string[];
  /** Makes of a record what leaves; without: its fields, as they are. */
  shape?: (row: E) => object;
}

/** Sends all records of a list, in the format of a file, no faster than they are taken. */
export class Exporter<E extends BaseEntity> {
  private readonly copies: ExportSql;

  constructor(
    private readonly sql: EntitySql,
    private readonly lists: ListSql,
  ) {
    this.copies = new ExportSql(sql, lists);
  }

  /** A stream that the running unit of work lives on for. Rejects if the database refuses to begin. */
  async stream(query: ExportQuery, { format, fields, shape }: HowExport<E>): Promise<Readable> {
    const unit = currentUnit();
    if (shape || !this.copies.knows(fields)) {
      const lines = this.lines(query, format, fields, shape ?? ((row) => row));
      return unit.handOverTo(Readable.from(lines, { objectMode: false, highWaterMark: 65_536 }));
    }
    const stream = await unit.copyOut(this.copies[format](fields, query));
    if (!stream.readableLength && !stream.readableEnded) await once(stream, 'readable'); // or its error
    return unit.handOverTo(stream);
  }

  private async *lines(
    query: ExportQuery,
    format: 'ndjson' | 'csv',
    fields: string[],
    shape: (row: E) => object,
  ): AsyncIterable<string> {
    const { manager } = currentUnit();
    const { text, parameters } = this.lists.all(query, this.lists.order(query.sort));
    const spell = (record: ObjectLiteral) =>
      format === 'csv'
        ? csvLine(
            fields.map((field) => record[field] as unknown),
            query,
          )
        : `${JSON.stringify(Object.fromEntries(fields.map((field) => [field, record[field]])))}\n`;
    if (format === 'csv') yield csvLine(fields, { raw: true });
    await manager.query('SET LOCAL statement_timeout = 0'); // who reads slowly is not a slow statement
    await manager.query(`DECLARE "#export" NO SCROLL CURSOR FOR ${text}`, parameters);
    for (;;) {
      const rows: ObjectLiteral[] = await manager.query(`FETCH ${FETCHED} FROM "#export"`);
      if (!rows.length) return;
      yield rows.map((row) => spell(shape(this.sql.hydrate<E>(row)))).join('');
    }
  }
}
