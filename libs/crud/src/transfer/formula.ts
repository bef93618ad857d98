/** Text that a spreadsheet may run as a formula, or that would be taken for such text made harmless. */
export const FORMULA = /^'*[=+@\t\r-]/; // Postgres reads it as JavaScript does

const HARMLESS = /^'+[=+@\t\r-]/;

/** The text as our files hold it: an apostrophe before what a spreadsheet may run. */
export const escapeFormula = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);

/** The text as it was before `escapeFormula`. */
export const unescapeFormula = (text: string): string => (HARMLESS.test(text) ? text.slice(1) : text);
