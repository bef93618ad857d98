/** A whole page around `body`, which must be HTML already. */
export const page = (body: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>nestjs-pg-typeorm-starter</title>
<style>
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }
  pre { white-space: pre-wrap; background: #f4f4f4; padding: 1rem }
</style>
${body}
</html>
`;

/** Text as HTML that shows it. */
export const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.codePointAt(0)};`);
