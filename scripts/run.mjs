/** `node scripts/run.mjs ENTRY [ARGUMENTS]`: brings `dist/` up to date, then runs its ENTRY in this very process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { refuseFewFiles } from './open-files.mjs';

refuseFewFiles();

const [entry = '', ...given] = process.argv.slice(2);
const builder = fileURLToPath(new URL('build-if-stale.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [builder], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

// `exec` in package.json has put this process in the place of npm's shell, so npm passes signals on to it and waits for its
// end. An npm that is killed can do neither: then its end is our signal.
const parent = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(watch);
  process.kill(process.pid, 'SIGTERM');
}, 200);
watch.unref();
if (!process.env.npm_lifecycle_event) clearInterval(watch);

const program = new URL(`../dist/${entry}`, import.meta.url);
process.argv = [process.argv[0], fileURLToPath(program), ...given];
await import(program.href);
