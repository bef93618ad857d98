import { validateSync } from 'class-validator';

type Values = Record<string, string | undefined>;

/** `databaseUrl` → `DATABASE_URL`. */
export const variableOf = (property: string): string => property.replace(/[A-Z]/g, '_$&').toUpperCase();

/**
 * An instance of `Class` filled from `env`, and from `file` where `env` is silent; an empty value counts as unset.
 * Throws an error whose message holds one sentence per problem, all at once.
 */
export function readSettings<S extends object>(
  Class: new () => S,
  env: Values,
  file: Values,
  crossChecks: (settings: S) => Iterable<string>,
): S {
  const settings = new Class();
  const properties = new Map(Object.keys(settings).map((property) => [variableOf(property), property]));
  const problems = [...unknownNames(properties.keys(), env, file)];

  for (const [variable, property] of properties) {
    const text = env[variable] || file[variable];
    if (text)
      Object.assign(settings, { [property]: parse(text, Reflect.getMetadata('design:type', settings, property)) });
  }
  for (const { property, value, constraints } of validateSync(settings)) {
    const variable = variableOf(property);
    const reasons = Object.values(constraints ?? {}).map((reason) => reason.replace(property, '').trim());
    problems.push(`${variable} ${reasons.join(' and ')}, but is ${shown(variable, value)}.`);
  }
  problems.push(...crossChecks(settings));

  if (problems.length) throw new SettingsError(problems);
  return settings;
}

/** Settings that cannot be started with; the message is one sentence per problem. */
export class SettingsError extends Error {
  constructor(readonly problems: string[]) {
    super(['The settings do not allow a start:', ...problems.map((problem) => `  - ${problem}`)].join('\n'));
    this.name = 'SettingsError';
  }
}

function parse(text: string, type: unknown): unknown {
  if (type === Number) return /^-?\d+$/.test(text) ? Number(text) : text;
  if (type === Boolean) return text === 'true' ? true : text === 'false' ? false : text;
  if (type === Array) return text.split(',').map((part) => part.trim());
  return text;
}

const shown = (variable: string, value: unknown): string =>
  /URL|SECRET|KEY|PASSWORD/.test(variable) ? 'something else (not shown: it may hold a secret)' : JSON.stringify(value);

function* unknownNames(known: Iterable<string>, env: Values, file: Values): Iterable<string> {
  const names = [...known];
  const nearest = (name: string) => names.find((candidate) => isNearMiss(name, candidate));

  for (const name of Object.keys(file)) {
    if (names.includes(name)) continue;
    const meant = nearest(name);
    yield `${name} in .env is not a setting${meant ? `: did you mean ${meant}?` : '; .env.example lists them all.'}`;
  }
  for (const name of Object.keys(env)) {
    const meant = names.includes(name) || name in file ? undefined : nearest(name);
    if (meant) yield `${name} in the environment is not a setting: did you mean ${meant}?`;
  }
}

/** Two slips of the pen in a long name, one in a short one: HOME is not a misspelt HOST. */
const isNearMiss = (name: string, known: string): boolean => distance(name, known) <= (known.length > 6 ? 2 : 1);

/** How many letters must be changed, added or left out to turn `a` into `b` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
