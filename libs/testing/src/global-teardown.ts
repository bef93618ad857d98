/** After all tests: the last run to leave stops the server. */
export default async function tearDown(): Promise<void> {
  await globalThis.testDatabase?.release();
}
