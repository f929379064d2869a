/** Answers that come while the log is away outlive the process that got them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedEventStore } from '../../src/infrastructure/embedded-eventstore/index.js';
import { eventually } from '../support/eventually.js';
import { openCluster } from './support/cluster.js';
import { startHeldAgent } from './support/held-agent.js';

const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };
const EXECUTIONS = 5;

test('the instance is killed while the log is away: the next one records the answers, no agent is asked again', async () => {
  const agent = await startHeldAgent();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'kept-answers-'));
  const cluster = await openCluster([{ name: 'long', agent: 'long' }], {
    ...{ AGENT_LONG_URL: `${agent.url}/long`, DATA_DIR: dataDir, APPEND_TIMEOUT_MS: '500' },
  });
  let node = await startEmbeddedEventStore({ databaseUrl: cluster.databaseUrl });
  try {
    const first = await cluster.start({ EVENTSTORE_URL: node.url });
    const ids = await Promise.all(Array.from({ length: EXECUTIONS }, () => first.api.start(START)));
    await eventually(() => agent.held.length === EXECUTIONS);
    await node.close();
    agent.letGo();
    const kept = () => readdir(path.join(dataDir, 'answers')).catch(() => []);
    await eventually(async () => (await kept()).filter((file) => file.endsWith('.json')).length === EXECUTIONS);
    await first.child.kill('SIGKILL');
    expect(first.child.output().match(/Results wait to be recorded/g)).toHaveLength(1);

    node = await startEmbeddedEventStore({ databaseUrl: cluster.databaseUrl });
    const second = await cluster.start({ EVENTSTORE_URL: node.url });
    for (const id of ids) {
      await second.api.reaches(id, 'completed');
      const types = ['WorkflowStarted', 'StepStarted', 'StepCompleted', 'WorkflowCompleted'];
      expect(await second.api.eventTypes(id)).toEqual(types);
    }
    expect(agent.calls).toHaveLength(EXECUTIONS);
    await eventually(async () => (await kept()).length === 0);
  } finally {
    await cluster.close();
    await node.close();
    await Promise.all([agent.close(), rm(dataDir, { recursive: true })]);
  }
}, 60_000);
