/**
 * Builds `dist/` when it is missing or was made from other sources. `--force` builds in any case.
 *
 * Freshness is a hash of the sources' bytes kept in `dist/.source-hash`: times of change mean nothing after a clone or a
 * COPY. A fresh `dist/` is only read, so a built checkout may be read-only. A build goes to a directory of its own and is
 * renamed into place when complete: neither Ctrl-C nor two builds at once leave a mixture behind.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { removeAbandoned, sourceHash } from './build-sources.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const HASH_FILE = '.source-hash';

/** The hash `dist/` was built from; undefined where there is no complete build. */
const builtFrom = () => (existsSync(join(dist, HASH_FILE)) ? readFileSync(join(dist, HASH_FILE), 'utf8') : undefined);

/** An image may hold `dist/` without the sources: then there is nothing to compare it with. */
const isFresh = () =>
  existsSync(join(dist, 'main.js')) && (!existsSync(join(root, 'src')) || builtFrom() === sourceHash(root));

function nestCli() {
  const require = createRequire(import.meta.url);
  try {
    require.resolve('typescript');
    return join(dirname(require.resolve('@nestjs/cli/package.json')), 'bin', 'nest.js');
  } catch {
    const state = existsSync(dist) ? 'is older than the sources' : 'is missing';
    console.error(
      `dist/ ${state}, and the compiler is not installed.\n` +
        'Run `npm ci` (with the development dependencies) and try again, or copy the dist/ of a build of this version.',
    );
    process.exit(1);
  }
}

/** Compiles into `out`. Resolves with the exit code; a signal is passed on and awaited, so that the caller can tidy up. */
function compile(cli, out) {
  const cache = join(root, 'node_modules', '.cache', 'workflow-executor');
  const project = join(cache, `tsconfig.${process.pid}.json`);
  const from = (path) => relative(cache, join(root, path)).replaceAll('\\', '/');
  mkdirSync(cache, { recursive: true });
  writeFileSync(
    project,
    JSON.stringify({
      extends: from('tsconfig.build.json'),
      compilerOptions: { rootDir: from('src'), outDir: relative(cache, out).replaceAll('\\', '/'), incremental: false },
      include: [from('src')],
    }),
  );
  return new Promise((resolve) => {
    const nest = spawn(process.execPath, [cli, 'build', '--path', relative(root, project)], {
      cwd: root,
      stdio: 'inherit',
    });
    const forward = (signal) => nest.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    nest.once('exit', (code, signal) => {
      rmSync(project, { force: true });
      resolve(signal ? 130 : (code ?? 1));
    });
  });
}

/** Puts a complete build in place of `dist/`; where another build gets there at the same moment, either one stays. */
function install(out, attempts = 5) {
  const old = `${out}-old`;
  try {
    rmSync(old, { recursive: true, force: true });
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(out, dist);
  } catch (error) {
    if (isFresh()) return;
    if (attempts === 1) throw error;
    install(out, attempts - 1);
  } finally {
    rmSync(old, { recursive: true, force: true });
    rmSync(out, { recursive: true, force: true });
  }
}

async function build() {
  const cli = nestCli();
  const out = join(root, `.dist-${process.pid}`);
  removeAbandoned(root);
  console.error('Building dist/ ...');
  const hash = sourceHash(root);
  const code = await compile(cli, out);
  if (code !== 0) {
    rmSync(out, { recursive: true, force: true });
    console.error(
      code === 130 ? 'The build was interrupted; dist/ is as it was.' : 'The build failed; dist/ is as it was.',
    );
    process.exit(code);
  }
  writeFileSync(join(out, HASH_FILE), hash);
  install(out);
}

const USAGE = `Usage: npm run build
Builds dist/. It takes no arguments; programs that need dist/ build it where it is older than the sources.`;

function refuseArguments() {
  const given = process.argv.slice(2).filter((argument) => argument !== '--force');
  if (given.length === 0) return;
  const isHelp = given.every((argument) => argument === '--help' || argument === '-h');
  console[isHelp ? 'log' : 'error'](isHelp ? USAGE : `Unknown argument '${given[0]}'\n\n${USAGE}`);
  process.exit(isHelp ? 0 : 2);
}

refuseArguments();
if (process.argv.includes('--force') || !isFresh()) await build();
