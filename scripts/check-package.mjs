/** `npm run lint:package`: what publint and @arethetypeswrong/cli say of the package; both work offline. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withPackage } from './packed.mjs';

const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

/** A tool's program, as its package.json names it. */
function programOf(name, bin) {
  const file = join(modules, name, 'package.json');
  const described = JSON.parse(readFileSync(file, 'utf8')).bin;
  return createRequire(file).resolve(join(dirname(file), typeof described === 'string' ? described : described[bin]));
}

const checks = [
  ['publint', (tarball) => ['run', tarball, '--strict']],
  // ES modules alone are exported: CommonJS gets them by import(), or by require() where Node has that.
  ['@arethetypeswrong/cli', (tarball) => [tarball, '--profile', 'esm-only', '--no-color', '--no-emoji']],
];

process.exitCode = await withPackage((tarball) => {
  for (const [name, args] of checks) {
    const program = programOf(name, name === 'publint' ? 'publint' : 'attw');
    const { status } = spawnSync(process.execPath, [program, ...args(tarball)], { stdio: 'inherit' });
    if (status !== 0) return 1;
  }
  return 0;
});
