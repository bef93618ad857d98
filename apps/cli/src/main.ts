import { Commands, usage } from './commands';

/** The process for what is done by hand: `npm run cli -- COMMAND …`. */
async function main([name = '', ...args]: string[]): Promise<void> {
  const command = Commands[name];
  if (!command) throw new Error(usage());
  await command.run(args);
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
