/** A stop ends in time, whatever the process waits for. A file of its own, as nearly all of the test is waiting. */
import { rm } from 'node:fs/promises';
import { eventually } from '../support/eventually.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { createTestDatabase } from '../support/postgres.js';
import { definitionsDir } from './support/definitions.js';
import { startHeldAgent } from './support/held-agent.js';
import { startInstance } from './support/instance.js';

test('an instance whose database and agent hang ends within 30 s of SIGTERM', async () => {
  const [database, definitions, agent] = await Promise.all([
    createTestDatabase(),
    definitionsDir([{ name: 'first', agent: 'test' }]),
    startHeldAgent(),
  ]);
  const address = new URL(database.url);
  const proxy = await startFaultProxy({ host: address.hostname, port: Number(address.port) });
  address.port = String(proxy.port);
  const { api, child } = await startInstance({
    DATABASE_URL: address.href,
    DEFINITIONS_DIR: definitions,
    AGENT_TEST_URL: agent.url,
    SHUTDOWN_GRACE_MS: '20000',
  });
  try {
    await api.start({ project_id: 'p-1', document_type: 'test', triggered_by: 'ann' });
    await eventually(() => agent.held.length === 1);
    proxy.halfOpen();
    const signalledAt = performance.now();
    await child.kill('SIGTERM');
    expect(performance.now() - signalledAt).toBeLessThan(30_000);
  } finally {
    child.process.kill('SIGKILL');
    await Promise.all([proxy.close(), agent.close(), rm(definitions, { recursive: true }), database.drop()]);
  }
}, 90_000);
