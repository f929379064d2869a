/**
 * Provides the bundled programs, and names the directory of the run's Postgres, which the first test that needs one starts
 * there: see `postgres.ts`.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from './bundle.mjs';
import './typescript.mjs';

const PREFIX = 'workflow-executor-test-';
const own = join(tmpdir(), `${PREFIX}${process.pid}`);

export default async function setUp() {
  await bundle();
  // What an earlier run has seen of the API: see scripts/contract-coverage.mjs.
  rmSync('node_modules/.cache/workflow-executor/contract-coverage.txt', { force: true });
  for (const name of readdirSync(tmpdir())) {
    const owner = Number(new RegExp(`^${PREFIX}(\\d+)`).exec(name)?.[1]);
    // Of a run that was killed.
    if (owner && !isAlive(owner)) remove(join(tmpdir(), name));
  }
  process.env.TEST_POSTGRES_DIR = own;
  // A run that is interrupted has no teardown.
  process.once('exit', () => remove(own));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
}

/** What Jest calls when all tests are done. */
export async function tearDown() {
  const { leaveTestServer } = await import('./postgres.ts');
  // In a run without worker processes the server is this process's own, which would start it again.
  await leaveTestServer();
  remove(own);
}

/** Removes the directory, and ends the server that may still run on it. */
function remove(dataDir) {
  const pid = postmaster(dataDir);
  if (pid) tryKill(pid);
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
}

function postmaster(dataDir) {
  try {
    const text = readFileSync(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8');
    return text.includes(dataDir) ? Number(text.split('\n')[0]) : undefined;
  } catch {
    return undefined;
  }
}

function tryKill(pid) {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // gone already
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
