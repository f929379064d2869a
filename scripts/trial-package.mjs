/**
 * `npm run trial:package [-- --short]`: packs the package, installs it without development dependencies into an empty folder, and
 * runs it there as its users do. `--short` leaves out `serve`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { withPackage } from './packed.mjs';

const READY_WITHIN_MS = 60_000;
const USAGE = `Usage: npm run trial:package [-- --short]
Packs the package, installs it into an empty folder, and runs its command, its quickstart and its server there. --short: no server.`;

function argumentsOrEnd() {
  try {
    const { values } = parseArgs({ options: { short: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
    if (!values.help) return values;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

const { short: isShort = false } = argumentsOrEnd();

/** What npm has told this process of the checkout is not for the user's project. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(lifecycle|package)_/.test(name)));

function expect(holds, expected) {
  if (!holds) throw new Error(`Expected ${expected}`);
}

async function step(name, work) {
  const began = performance.now();
  const result = await work();
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${name}`);
  return result;
}

/** Where a user's program imports it; and its types, as a compiler finds them. */
const PROGRAM = `
import { createClient, registerAgent, startExecutor } from 'workflow-executor';
registerAgent('greeter', async () => ({ success: true, data: {} }));
console.log([createClient, registerAgent, startExecutor].map((each) => typeof each).join());
`;

async function serve(app, run) {
  const server = spawn(process.execPath, [run, 'serve'], { cwd: app, env: { ...env, PORT: '0' } });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += chunk));
  try {
    const giveUpAt = performance.now() + READY_WITHIN_MS;
    let url;
    while (!url) {
      expect(server.exitCode === null && performance.now() < giveUpAt, `a server that is ready, got: ${output}`);
      await Promise.race([once(server.stdout, 'data'), once(server, 'exit')]);
      [, url] = /The API is at (http:\/\/[^"\s]+)/.exec(output) ?? [];
    }
    const list = execFileSync(process.execPath, [run, 'list', '--url', url, '--json'], {
      cwd: app,
      env,
      encoding: 'utf8',
    });
    expect(JSON.parse(list).executions[0]?.current_state === 'completed', `the run of the quickstart, got: ${list}`);
    server.kill('SIGTERM');
    const [code] = await once(server, 'exit');
    expect(code === 0, `exit code 0 after SIGTERM, got ${code}: ${output}`);
  } finally {
    server.kill('SIGKILL');
  }
}

await withPackage(async (tarball, folder) => {
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(
    join(app, 'package.json'),
    JSON.stringify({ name: 'app', version: '1.0.0', type: 'module', private: true }),
  );
  const quiet = ['--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await step('npm install', () =>
    execFileSync('npm', ['install', ...quiet, tarball], { cwd: app, env, stdio: 'inherit' }),
  );
  const command = join(app, 'node_modules/.bin/workflow');
  const run = (...args) => execFileSync(command, args, { cwd: app, env, encoding: 'utf8' });

  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  await step('workflow --help, --version', () => {
    expect(run('--help').startsWith('Usage: workflow'), 'the usage');
    expect(run('--version').trim() === version, `version ${version}`);
  });
  await step('npx workflow doctor', () => {
    const said = execFileSync('npx', ['--no-install', 'workflow', 'doctor', '--json'], {
      cwd: app,
      env,
      encoding: 'utf8',
    });
    expect(JSON.parse(said).ok, `nothing that fails, got: ${said}`);
    expect(!existsSync(join(app, 'data')), 'that doctor leaves nothing behind');
  });
  await step('import of the package', () => {
    writeFileSync(join(app, 'program.js'), PROGRAM);
    const said = execFileSync(process.execPath, ['program.js'], { cwd: app, env, encoding: 'utf8' });
    expect(said.trim() === 'function,function,function', `three functions, got ${said}`);
  });
  await step('workflow quickstart', () => {
    const said = run('quickstart');
    expect(said.includes('workflow audit verify --all'), `the next steps by the command's own name, got: ${said}`);
    const [execution = ''] = readdirSync(join(app, 'data/exports'));
    const files = readdirSync(join(app, 'data/exports', execution));
    expect(files.some((file) => file.endsWith('.pdf')) && files.length === 2, `two documents, got ${files.join(', ')}`);
  });
  if (!isShort)
    await step('workflow serve, list', () =>
      serve(app, join(app, 'node_modules/workflow-executor/dist/interfaces/cli/workflow/main.js')),
    );
});
