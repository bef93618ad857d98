/** How libs/client is made from openapi.json: every operation as a typed method, `api.books.createOne`, and no dependency. */
export default {
  input: 'openapi.json',
  output: { path: 'libs/client/src/generated', module: { extension: null } },
  plugins: [
    '@hey-api/client-fetch',
    '@hey-api/typescript',
    {
      name: '@hey-api/sdk',
      operations: { strategy: 'single', containerName: 'Api', nesting: 'operationId', methods: 'instance' },
    },
  ],
};
