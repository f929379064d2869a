/** Several instances on one data directory, each in a process of its own, with production limits. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../support/eventually.js';
import { definitionsDir } from './support/definitions.js';
import { startHeldAgent } from './support/held-agent.js';
import { startInstance, type Instance } from './support/instance.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };
const PRODUCTION = { WORKER_HEARTBEAT_MS: '3000', WORKER_TIMEOUT_MS: '15000', SAGA_SWEEP_INTERVAL_MS: '2000' };
const STEPS = 50;

let dataDir: string;
let definitions: string;
let agent: Awaited<ReturnType<typeof startHeldAgent>>;
let instances: Instance[];

const start = async (env: Record<string, string> = {}) => {
  const instance = await startInstance({
    ...PRODUCTION,
    DATA_DIR: dataDir,
    DEFINITIONS_DIR: definitions,
    AGENT_TEST_URL: agent.url,
    ...env,
  });
  instances.push(instance);
  return instance;
};

beforeEach(async () => {
  instances = [];
  dataDir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-instances-'));
  definitions = await definitionsDir([{ name: 'first', agent: 'test' }]);
  agent = await startHeldAgent();
});

afterEach(async () => {
  // One after the other, by SIGTERM: the last one takes Postgres with it.
  for (const { child } of instances)
    if (child.process.exitCode === null && !child.process.signalCode) await child.kill('SIGTERM');
  await agent.close();
  await Promise.all([dataDir, definitions].map((one) => rm(one, { recursive: true, force: true })));
});

test(`when the instance that runs Postgres and the event node is killed, another takes over its ${STEPS} steps within 20 s`, async () => {
  const first = await start();
  const second = await start();
  const ids = await Promise.all(Array.from({ length: STEPS }, () => first.api.start(START)));
  await eventually(() => agent.held.length === STEPS);
  const killedAt = performance.now();
  await first.child.kill('SIGKILL');
  await eventually(() => agent.held.length === 2 * STEPS, { deadlineMs: 40_000 });
  const took = agent.held
    .slice(STEPS)
    .map(({ at }) => at - killedAt)
    .sort((a, b) => a - b);
  expect(Math.max(...took)).toBeLessThan(20_000);
  const keys = agent.held.map(({ key }) => key);
  expect(new Set(keys.slice(STEPS))).toEqual(new Set(keys.slice(0, STEPS)));
  agent.letGo();
  for (const id of ids) {
    const { steps } = await second.api.reaches(id, 'completed');
    expect(steps[0]).toMatchObject({ attempt: 2, retry_count: 0 });
  }
  // A new instance finds the second's node, and goes on alone when the second ends.
  const third = await start();
  await third.api.reaches(await third.api.start(START), 'completed');
  await second.child.kill('SIGTERM');
  expect(second.child.process.exitCode).toBe(0);
  await third.api.reaches(await third.api.start(START), 'completed');
}, 120_000);
