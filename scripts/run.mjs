/**
 * `node scripts/run.mjs ENTRY [ARGUMENTS]`: brings `dist/` up to date, then runs its ENTRY in this very process, so that
 * the signals that npm passes on reach the program and not a shell in between.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [entry = '', ...given] = process.argv.slice(2);
const builder = fileURLToPath(new URL('build-if-stale.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [builder], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const program = new URL(`../dist/${entry}`, import.meta.url);
process.argv = [process.argv[0], fileURLToPath(program), ...given];
await import(program.href);
