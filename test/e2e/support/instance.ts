/** An instance of the built application in a process of its own. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bundled, startChild, type Child } from '../../support/child.js';
import { Api } from './api.js';

export type Instance = Readonly<{ api: Api; child: Child }>;

const MAIN = bundled(new URL('../../../dist/main.js', import.meta.url));

/**
 * Heartbeats are quick here, so that a test need not wait long for a take-over.
 * @param born called with the process before it is ready, which it may never be
 */
export const startInstance = async (
  env: Readonly<Record<string, string>>,
  born: (child: Child) => void = () => undefined,
): Promise<Instance> => {
  const quick = { PORT: '0', WORKER_HEARTBEAT_MS: '200', WORKER_TIMEOUT_MS: '1000', SAGA_SWEEP_INTERVAL_MS: '200' };
  const dataDir = await mkdtemp(path.join(tmpdir(), 'test-instance-'));
  const child = startChild(MAIN, [], { ...quick, DATA_DIR: dataDir, ...env });
  child.process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));
  born(child);
  const [, url] = await Promise.race([
    child.printed(/The API is at (http:\/\/[^"\s]+)/, { deadlineMs: 60_000 }),
    once(child.process, 'exit').then(() => {
      throw new Error(`The instance did not start: ${child.output()}`);
    }),
  ]);
  return { api: new Api(url ?? ''), child };
};
