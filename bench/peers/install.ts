import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('..', import.meta.url));
const lockfile = `${bench}/package-lock.json`;
/** npm writes it last. */
const installed = `${bench}/node_modules/.package-lock.json`;

/** Installs the peers where they are missing or others than the lockfile's. None of their scripts is run: none needs to be. */
export function installPeers(tell: (line: string) => void): void {
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return;
  tell('installing the peers: npm ci in bench/');
  const command = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', command, { cwd: bench, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0)
    throw new Error(`npm ci in bench/ failed (${error?.message ?? `code ${status}`}); the peers are needed to compare`);
}

/** Of the packages that are compared with, exactly those that the lockfile has. */
export const versions = (): string => {
  const { dependencies } = JSON.parse(readFileSync(`${bench}/package.json`, 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  return Object.entries(dependencies)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
};
