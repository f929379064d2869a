/** Starts one embedded Postgres for the whole test run, in a directory of its own that the teardown removes. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import Module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'workflow-executor-test-';

/** Ordinary tests ask for speed; those of durability start a server of their own. */
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

export default async function setUp(): Promise<void> {
  resolveSources();
  const { startEmbeddedPostgres } = await import('../../src/infrastructure/embedded-postgres/embedded-postgres.js');
  const { TEST_POSTGRES_URL, TEST_POSTGRES_SUPERUSER_URL } = await import('./postgres.js');
  const { STOP_TEST_POSTGRES } = await import('./global-teardown.js');
  await removeLeftovers();
  const dataDir = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  // By TCP: tests put proxies in front of it.
  const postgres = await startEmbeddedPostgres({ dataDir, settings, tcp: true });
  process.env[TEST_POSTGRES_URL] = postgres.url;
  process.env[TEST_POSTGRES_SUPERUSER_URL] = postgres.superuserUrl;
  (globalThis as Record<string, unknown>)[STOP_TEST_POSTGRES] = async () => {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}

/** Jest loads this one file as CommonJS and without `moduleNameMapper`, so `x.js` in an import is not yet known to be `x.ts`. */
function resolveSources(): void {
  type Resolve = (request: string, ...rest: unknown[]) => string;
  const loader = Module as unknown as { _resolveFilename: Resolve };
  const resolve = loader._resolveFilename;
  loader._resolveFilename = function (this: unknown, request, ...rest) {
    try {
      return resolve.call(this, request, ...rest);
    } catch (error) {
      if (!/^\.{1,2}\/.*\.js$/.test(request)) throw error;
      return resolve.call(this, request.replace(/\.js$/, '.ts'), ...rest);
    }
  };
}

/** A test run that was killed leaves its server behind. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!owner || isAlive(owner)) continue;
    const dataDir = join(tmpdir(), name);
    const pidFile = await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').catch(() => '');
    if (pidFile.includes(dataDir)) tryKill(Number(pidFile.split('\n')[0]));
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // gone already
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
