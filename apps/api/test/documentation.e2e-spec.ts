import { Validator } from '@seriousme/openapi-schema-validator';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startApi, TestApi } from '@app/testing';

/** Makes the client as `npm run client` does, into the folder named by its argument. */
const GENERATE = `
  import { createClient } from '@hey-api/openapi-ts';
  import config from './openapi-ts.config.mjs';
  await createClient({ ...config, output: { ...config.output, path: process.argv[1] } });
`;

type Operation = { operationId: string; responses: Record<string, unknown> };

describe('GET /docs-json', () => {
  let api: TestApi;
  let document: {
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, any> };
  };

  beforeAll(async () => {
    api = await startApi();
    document = (await api.http.get('/docs-json').expect(200)).body;
  });
  afterAll(() => api.close());

  it('is a valid OpenAPI 3.1 document', async () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(await new Validator().validate(document)).toEqual({ valid: true });
  });

  it('is the committed openapi.json: run "npm run client" when this fails', () => {
    expect(document).toEqual(JSON.parse(readFileSync('openapi.json', 'utf8')));
  });

  it.each(['books', 'critics', 'reviews'])('calls the operations of %s as their methods are called', (model) => {
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    const methods = [
      'readPage',
      'readOne',
      'createOne',
      'upsertOne',
      'updateOne',
      'deleteOne',
      'readMany',
      'createMany',
      'upsertMany',
      'updateMany',
      'deleteMany',
    ];
    expect(ids).toEqual(expect.arrayContaining(methods.map((method) => `${model}.${method}`)));
  });

  it('describes each model by shapes of its own', () => {
    const { BookDto, CreateBookDto, UpsertBookDto, UpdateBookDto } = document.components.schemas;
    expect(BookDto.required).toEqual(
      expect.arrayContaining(['id', 'identifier', 'releaseYear', 'averageRating', 'version']),
    );
    expect(CreateBookDto.required.toSorted()).toEqual(['author', 'identifier', 'name']);
    expect(CreateBookDto.properties).not.toHaveProperty('averageRating');
    expect(UpsertBookDto.required).toEqual(['identifier']);
    expect(UpdateBookDto.required).toBeUndefined();
    expect(CreateBookDto.properties.identifier).toMatchObject({
      type: 'string',
      maxLength: 64,
      example: expect.any(String),
    });
  });

  it('gives every field of every shape an example or a shape of its own', () => {
    for (const [name, { properties }] of Object.entries(document.components.schemas)) {
      if (!/^(Create|Book|Critic|Review)\w*Dto$/.test(name) || /Bulk|Page|List|History/.test(name)) continue;
      for (const [field, schema] of Object.entries<any>(properties))
        expect({ name, field, example: schema.example ?? schema.allOf }).toMatchObject({ example: expect.anything() });
    }
  });

  it('says of every operation that its errors are problems', () => {
    for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
      expect(operation.responses.default).toMatchObject({
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDto' } } },
      });
    }
  });

  it('has a page to try it out, under the content security policy', async () => {
    const { text, headers } = await api.http.get('/docs').expect(200);
    expect(text).toContain('swagger-ui');
    expect(headers['content-security-policy']).toContain("script-src 'self'");
  });
});

describe('libs/client', () => {
  it('is what openapi.json makes, byte for byte: run "npm run client" when this fails', async () => {
    const made = await mkdtemp(join(tmpdir(), 'client-'));
    try {
      await promisify(execFile)(process.execPath, ['--input-type=module', '-e', GENERATE, made]);
      const [fresh, committed] = [await contents(made), await contents('libs/client/src/generated')];
      expect(Object.keys(fresh)).toEqual(Object.keys(committed));
      expect(Object.keys(fresh).filter((file) => fresh[file] !== committed[file])).toEqual([]);
    } finally {
      await rm(made, { recursive: true });
    }
  });

  it('creates, reads and is told what is wrong, all in types', async () => {
    const api = await startApi();
    try {
      const created = await api.client.books.createOne({ body: { identifier: '1', name: 'N', author: 'A' } });
      const read = await api.client.books.readOne({ path: { id: created.data!.id } });
      expect(read.data?.name).toBe('N');

      const refused = await api.client.books.createOne({ body: { identifier: '1', name: 'N', author: 'A' } });
      expect(refused.response?.status).toBe(409);
      expect(refused.error?.errors?.[0].pointer).toBe('/identifier');
    } finally {
      await api.close();
    }
  });
});

/** Every file below `folder`, by its path there. */
async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(files.toSorted().map(async (file) => [file.slice(folder.length), await readFile(file, 'utf8')])),
  );
}
