import { STATUS_CODES } from 'node:http';
import type { Response } from 'supertest';

export interface Fault {
  code?: string;
  pointer?: string;
  index?: number;
  detail?: unknown;
}

/** Demands that `response` is a whole problem of RFC 9457 with this status and code, and with exactly these errors if any are given. */
export function expectProblem(response: Response, status: number, code?: string | RegExp, errors?: Fault[]): void {
  const { body } = response;
  expect({ status: response.status, body }).toMatchObject({
    status,
    body: code ? { code: code instanceof RegExp ? expect.stringMatching(code) : code } : {},
  });
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(body).toEqual({
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail: expect.stringMatching(/^.+[.]$/),
    instance: new URL(response.request.url).pathname,
    code: expect.stringMatching(/^[a-z][a-z0-9_]*$/),
    requestId: response.headers['x-request-id'],
    ...('errors' in body && { errors: expect.any(Array) }),
  });
  for (const error of body.errors ?? []) {
    expect(error).toMatchObject({
      pointer: expect.stringMatching(/^(\/|$)/),
      code: expect.any(String),
      detail: expect.stringMatching(/^.+[.]$/),
    });
  }
  if (errors) expect(body.errors).toEqual(errors.map((error) => expect.objectContaining(error)));
  expect(response.text).not.toMatch(
    /\b(SELECT|INSERT INTO|UPDATE .* SET|DELETE FROM|constraint|uc_|fk_|pk_|node_modules)\b/,
  );
}
