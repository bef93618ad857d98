const { availableParallelism } = require('node:os');

/** One runner for unit specs, beside their files, and e2e specs, in apps/<name>/test. */
module.exports = {
  testRegex: '\\.(spec|e2e-spec)\\.ts$',
  roots: ['<rootDir>/apps', '<rootDir>/libs'],
  testEnvironment: 'node',
  testTimeout: 120_000, // ms; ends what hangs, and measures nothing: a busy machine may take four times as long as ours
  maxWorkers: availableParallelism() + 1, // much of the time is waiting: for processes to start, and for what is revoked to be noticed
  reporters: ['default', '<rootDir>/libs/testing/count-reporter.js'],
  moduleNameMapper: { '^@app/([^/]+)$': '<rootDir>/libs/$1/src' },
  globalSetup: '<rootDir>/libs/testing/global-setup.js',
  globalTeardown: '<rootDir>/libs/testing/src/global-teardown.ts',
  transform: {
    '\\.ts$': [
      'ts-jest',
      {
        tsconfig: 'tsconfig.test.json', // the Swagger plugin reads types across files, which isolated modules forbid
        diagnostics: { ignoreCodes: ['TS151002'] },
        astTransformers: { before: ['libs/testing/swagger-transformer.js'] },
      },
    ],
  },
};
