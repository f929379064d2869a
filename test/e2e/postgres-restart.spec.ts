import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startAgentServer, succeed } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { definitionsDir } from './support/definitions.js';
import { startInstance } from './support/instance.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

test('after a kill of the embedded Postgres, acknowledged events are there and running executions continue', async () => {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const agent = await startAgentServer(({ input }, response) => {
    if (input.step === 'second') return succeed();
    void released.then(() => response.end(JSON.stringify(succeed({ first: 'done' }))));
    return undefined;
  });
  const dataDir = await mkdtemp(path.join(tmpdir(), 'workflow-executor-e2e-'));
  const definitions = await definitionsDir([
    { name: 'first', agent: 'test' },
    { name: 'second', agent: 'test' },
  ]);
  const { api, child } = await startInstance({
    DATA_DIR: dataDir,
    DEFINITIONS_DIR: definitions,
    AGENT_TEST_URL: `${agent.url}/test`,
  });
  try {
    const id = await api.start(START);
    await eventually(() => agent.calls.length === 1);
    const pidFile = path.join(dataDir, 'postgres', 'cluster', 'postmaster.pid');
    process.kill(Number((await readFile(pidFile, 'utf8')).split('\n')[0]), 'SIGKILL');
    const during = await api.get(`/api/v1/workflow?execution_id=${id}`);
    expect([200, 503]).toContain(during.status);
    release();
    await eventually(async () => (await api.details(id))?.execution.current_state === 'completed', {
      deadlineMs: 30_000,
    });
    expect((await api.eventTypes(id)).filter((type) => type === 'StepCompleted')).toHaveLength(2);
    const next = await api.start(START);
    await api.reaches(next, 'completed');
  } finally {
    await child.kill('SIGTERM');
    await agent.close();
    await Promise.all([dataDir, definitions].map((each) => rm(each, { recursive: true })));
  }
}, 90_000);
