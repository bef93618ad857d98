const { appendFileSync } = require('node:fs');

/** Adds a line with the counts of this run to the file JEST_COUNTS names, for CI to close with. */
module.exports = class CountReporter {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numRuntimeErrorTestSuites }) {
    const file = process.env.JEST_COUNTS;
    if (file)
      appendFileSync(
        file,
        `${JSON.stringify({ passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites })}\n`,
      );
  }
};
