const EXAMPLES =
  /for-development|example|change-?me|your-|placeholder|^(postgres|password|passw0rd|secret|admin|root|test|starter|app)\d*$/i;
const FEWEST_LETTERS = 5; // different ones: "aaaaaaaa" is as long as it is weak

/** What is wrong with a secret of production, if it is one that somebody else may know or guess. */
export function weaknessOf(secret: string): string | undefined {
  if (EXAMPLES.test(secret)) return 'is an example or a default';
  if (secret.length < 8) return 'is shorter than 8 characters';
  if (new Set(secret).size < FEWEST_LETTERS) return `has fewer than ${FEWEST_LETTERS} different characters`;
  return undefined;
}
