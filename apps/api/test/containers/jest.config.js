/** The runner of what needs a container engine: `npm run test:containers`, which `npm test` leaves out. */
module.exports = {
  rootDir: '../../../..',
  roots: ['<rootDir>/apps/api/test/containers'],
  testRegex: '\\.container-spec\\.ts$',
  testEnvironment: 'node',
  testTimeout: 120_000,
  reporters: [['default', { summaryThreshold: 0 }], '<rootDir>/libs/testing/count-reporter.js'],
  verbose: true,
  transform: { '\\.ts$': ['ts-jest', { tsconfig: 'tsconfig.json' }] },
};
