import { Api } from './generated';
import { createClient } from './generated/client';

export * from './generated';

/**
 * The API at `baseUrl`, as typed methods: `connect('http://127.0.0.1:8000').books.createOne({ body })`. `authorization` is
 * the header that every request has, such as `Bearer …`.
 */
export const connect = (baseUrl: string, authorization?: string): Api =>
  new Api({ client: createClient({ baseUrl, headers: authorization ? { Authorization: authorization } : {} }) });
