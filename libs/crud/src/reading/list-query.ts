import { Operator } from './list-fields';

/** One thing that every record of a list must meet. All conditions of a filter must. */
export interface Condition {
  field: string;
  operator: Operator;
  /** What to compare with: one value; two for `between`; any number for `in` and `nin`; a boolean for `null`. */
  values: unknown[];
}

/** A field to sort by. */
export interface Sort {
  field: string;
  descending: boolean;
}

/** Which records of a model are meant. */
export interface Selection {
  filter?: Condition[];
  /** For models with soft delete: whether deleted records count too, or only they do. Without: they do not. */
  deleted?: 'exclude' | 'include' | 'only';
}

/** Records as they are, or as they were. */
export interface Reading extends Selection {
  /** For models that keep versions: read what there was at this time; as text of ISO 8601, or as a Date. */
  asOf?: string | Date;
}

/** Which part of a list to read, in which order, and what of each record. */
export interface PageQuery extends Reading {
  /** At most so many records, 50 unless told. */
  limit?: number;
  offset?: number;
  /** The `nextCursor` of the page before. */
  cursor?: string;
  /** Without: as they were created. Ties go by id. */
  sort?: Sort[];
  /** Only these fields of each record; without: all. */
  fields?: string[];
  /** Records that each record refers to, to be read along with it. */
  include?: string[];
  /** Whether to count all records of the list: `estimated` asks only what the database believes. */
  count?: 'none' | 'exact' | 'estimated';
}

/** Which records to delete, and what has to hold for that. */
export interface DeleteMatchingQuery extends Selection {
  confirm?: 'all';
  maxAffected?: number;
  dryRun?: boolean;
}

/** Which records to export, in which order and form. */
export interface ExportQuery extends Reading, Pick<PageQuery, 'sort' | 'fields'> {
  format?: 'ndjson' | 'csv';
  /** In CSV, whether text stays as it is even where a spreadsheet would run it. */
  raw?: boolean;
}

/** How to import a file. */
export interface ImportQuery {
  mode?: 'create' | 'upsert';
  onError?: 'abort' | 'skip';
  dryRun?: boolean;
  /** Whether a job is to import it, and nobody waits. */
  async?: boolean;
  /** In CSV, whether text is what it is, and no apostrophe was put before it. */
  raw?: boolean;
}

/** How to delete one record. */
export interface DeleteQuery {
  purge?: boolean;
}

/** What of one record to read. */
export type OneQuery = Pick<PageQuery, 'fields' | 'include' | 'asOf'>;
