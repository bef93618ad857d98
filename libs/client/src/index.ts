import { Api } from './generated';
import { createClient } from './generated/client';

export * from './generated';

/** The API at `baseUrl`, as typed methods: `connect('http://127.0.0.1:8000').books.createOne({ body })`. */
export const connect = (baseUrl: string): Api => new Api({ client: createClient({ baseUrl }) });
