import { HttpException } from '@nestjs/common';

/** One thing that is wrong with a request, and where. */
export interface Cause {
  /** The status this would be on its own. */
  status: number;
  /** A word for programs, such as `required` or `unique`. */
  code: string;
  /** A sentence for people. */
  detail: string;
  /** A JSON pointer into the body (RFC 6901), or `/name` of a query parameter. */
  pointer: string;
  /** Which item of a bulk request. */
  index?: number;
  /** Which line of a file. */
  line?: number;
  /** The tag the record has instead of the one demanded. */
  etag?: string;
}

const MOST_ERRORS = 1_000; // named in one answer; whoever sends more wrong items than that has one mistake, not thousands

/** An answer of RFC 9457 (application/problem+json) in place of the one asked for. */
export class Problem extends HttpException {
  /** Headers of the answer. */
  readonly headers: Record<string, string> = {};
  readonly body: { status: number; code: string; detail: string; errors?: Omit<Cause, 'status'>[] };

  constructor(status: number, code: string, detail: string, causes: Cause[] = []) {
    const errors = causes
      .slice(0, MOST_ERRORS)
      .map(({ pointer, code, detail, index, line }) => ({ pointer, code, detail, index, line }));
    super({ code, message: detail, errors: errors.length ? errors : undefined }, status);
    this.body = { status, code, detail, errors: errors.length ? errors : undefined };
  }

  /** All `causes` as one problem: with the status they share, else 422. */
  static of(causes: Cause[]): Problem {
    const statuses = new Set(causes.map(({ status }) => status));
    const codes = new Set(causes.map(({ code }) => code));
    const [first] = causes;
    const detail = causes.length === 1 ? first.detail : `${causes.length} things are wrong; errors names them.`;
    const problem = new Problem(
      statuses.size === 1 ? first.status : 422,
      codes.size === 1 ? first.code : 'invalid',
      detail,
      causes,
    );
    if (causes.length === 1 && first.etag) problem.headers.ETag = first.etag;
    return problem;
  }
}
