/** `node scripts/run.mjs ENTRY [ARGUMENTS]`: brings `dist/` up to date, then runs its ENTRY in this very process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { refuseFewFiles } from './open-files.mjs';

refuseFewFiles();

const [entry = '', ...given] = process.argv.slice(2);
const builder = fileURLToPath(new URL('build-if-stale.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [builder], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

// npm runs scripts through a shell that dies of the signals it is sent, and does not pass them on: its end is our signal.
const shell = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === shell) return;
  clearInterval(watch);
  process.kill(process.pid, 'SIGTERM');
}, 200);
watch.unref();
if (!process.env.npm_lifecycle_event) clearInterval(watch);

const program = new URL(`../dist/${entry}`, import.meta.url);
process.argv = [process.argv[0], fileURLToPath(program), ...given];
await import(program.href);
