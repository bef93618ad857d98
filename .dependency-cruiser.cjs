/** Who may import whom: a room imports only from those left of it, and only through their index.ts. docs/architecture.md draws it. */
const order = [
  'config',
  'observability',
  'database',
  'access',
  'tenancy',
  'jobs',
  'auth',
  'crud',
  'append-only',
  'audit',
  'erasure',
  'domain',
];

const onlyFromItsLeft = order.map((room, place) => ({
  name: `${room}-imports-only-from-its-left`,
  comment: `Rooms stand in the order ${order.join(' < ')}; each imports only from its left.`,
  severity: 'error',
  from: { path: `^libs/${room}/` },
  to: { path: `^(apps/|libs/(${order.slice(place + 1).join('|') || '-'})/)` },
}));

module.exports = {
  forbidden: [
    ...onlyFromItsLeft,
    {
      name: 'through-the-index',
      comment: 'Another room is entered by its index.ts only.',
      severity: 'error',
      from: { path: '^(apps|libs)/([^/]+)/', pathNot: '^libs/testing/' },
      to: { path: '^libs/([^/]+)/src/(?!index\\.ts$)', pathNot: '^libs/$2/' },
    },
    {
      name: 'models-through-their-index',
      comment: "Another model is entered by its folder's index.ts only.",
      severity: 'error',
      from: { path: '^libs/domain/src/([^/]+)/' },
      to: { path: '^libs/domain/src/([^/]+)/(?!index\\.ts$)', pathNot: '^libs/domain/src/($1|migrations)/' },
    },
    {
      name: 'one-direction-between-models',
      comment: 'Reviews know books and critics, never the reverse: reviews of a book are a filter on reviews.',
      severity: 'error',
      from: { path: '^libs/domain/src/(books|critics)/' },
      to: { path: '^libs/domain/src/(books|critics|reviews)/', pathNot: '^libs/domain/src/$1/' },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'Nothing but tests imports libs/testing.',
      severity: 'error',
      from: { pathNot: '(^libs/testing/|/test/|\\.(scale-)?spec\\.ts$|^apps/cli/)' },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'client-is-for-tests-and-cli',
      comment: 'The generated client is imported by tests and the cli only.',
      severity: 'error',
      from: { pathNot: '(^libs/(client|testing)/|/test/|\\.(scale-)?spec\\.ts$|^apps/cli/)' },
      to: { path: '^libs/client/' },
    },
    {
      name: 'no-cycles',
      comment: 'No cycle, no forwardRef.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere, and its package is in package.json.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared',
      comment: 'A package must stand in package.json.',
      severity: 'error',
      from: { pathNot: '\\.(scale-)?spec\\.ts$' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', '^libs/client/src/generated'] },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
