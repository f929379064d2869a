/** Operators inspect, repair, verify, rebuild and roll back the read tables from any instance, while all of them run. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import { SharedNode } from '../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { bundled, startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { openCluster, type Cluster } from './support/cluster.js';

const CLI = bundled(new URL('../../dist/interfaces/cli/projections.js', import.meta.url));
const ROUTE = '/api/v1/admin/projections';
const WHY = { actor_id: 'ann', reason: 'a test' };
const TABLES = ['workflow_executions', 'workflow_steps', 'workflow_events'];

let cluster: Cluster;
let agent: AgentServer;

const environment = () => ({ DATABASE_URL: cluster.databaseUrl, DEFINITIONS_DIR: cluster.definitions });

const cli = async (...args: string[]) => {
  const child = startChild(CLI, args, environment());
  const [code] = (await once(child.process, 'close')) as [number];
  return { code, output: child.output() };
};

const sql = async (text: string, values: unknown[] = []) => {
  const client = new pg.Client({ connectionString: cluster.databaseUrl });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
};

beforeAll(async () => {
  agent = await startAgentServer(({ input }) => succeed({ [input.step]: 'done' }));
  const env = { AGENT_FIRST_URL: `${agent.url}/first`, DRIFT_CHECK_INTERVAL_MS: '0' };
  cluster = await openCluster([{ name: 'first', agent: 'first' }], env);
  await cluster.start();
  await cluster.start();
});

afterAll(async () => {
  await cluster.close();
  await agent.close();
});

const at = (index: number) => cluster.instances[index]!.api;
const projectionOf = async (name: string, index = 1) => (await at(index).get(`${ROUTE}/${name}`)).body.data.projection;
const following = (name: string) => eventually(async () => expect((await projectionOf(name)).lag.events).toBe(0));

/** Appends without the application, as another program might. */
const append = async (stream: string, types: readonly string[]) => {
  const node = await SharedNode.open({ databaseUrl: cluster.databaseUrl, log: () => undefined });
  const log = new EventStoreDbEventLog({ url: node.url });
  try {
    const events = types.map((type) => ({ id: randomUUID(), type, data: {}, metadata: {} }));
    await log.append(stream, events, 'none');
  } finally {
    await log.close();
    await node.close();
  }
};

let executionId: string;

test('any instance reports where the read tables stand', async () => {
  executionId = await at(0).start({ project_id: 'p-1', document_type: 'test' });
  await at(0).reaches(executionId, 'completed');
  await following('workflow_events');
  for (const index of [0, 1]) {
    const { status, body } = await at(index).get(ROUTE);
    expect(status).toBe(200);
    expect(body.data.projections.map(({ name }: { name: string }) => name)).toEqual(TABLES);
    for (const projection of body.data.projections) {
      expect(projection).toMatchObject({
        state: 'following',
        lag: { events: 0, events_counted: true, seconds: 0 },
        last_rebuild: null,
        poisoned: [],
      });
      expect(BigInt(projection.head)).toBeGreaterThanOrEqual(BigInt(projection.position));
    }
  }
  const leaders = await Promise.all([0, 1].map(async (index) => (await projectionOf('workflow_steps', index)).leader));
  expect(leaders.sort()).toEqual(['elsewhere', 'here']);
  expect((await at(0).get(`${ROUTE}/nothing`)).status).toBe(404);
});

test('once the cause is gone, an operator’s retry applies the events that were held back, in order', async () => {
  // Stands for an error in the code: the table refuses what the projection writes.
  await sql(`alter table workflow_steps add constraint mistaken check (status <> 'completed') not valid`);
  const id = await at(0).start({ project_id: 'p-1', document_type: 'test', triggered_by: 'ann' });
  await eventually(async () =>
    expect((await projectionOf('workflow_steps')).poisoned).toMatchObject([
      { execution_id: id, revision: '2', error: expect.stringContaining('mistaken') },
    ]),
  );
  // Only this table holds the execution back: the other tables go on, and so do other executions.
  await eventually(async () => expect((await projectionOf('workflow_steps')).lag).toMatchObject({ events: 0 }));
  expect((await at(0).reaches(id, 'completed')).execution.percent_complete).toBe(100);
  await sql('alter table workflow_steps drop constraint mistaken');

  const retried = await at(1).post(`${ROUTE}/workflow_steps/poisoned/${id}`, { action: 'retry', ...WHY });
  expect(retried.status).toBe(202);
  await eventually(async () => {
    const { orders } = await projectionOf('workflow_steps');
    expect(orders).toContainEqual(
      expect.objectContaining({ id: retried.body.data.order.id, outcome: 'it is up to date' }),
    );
  });
  const { state, poisoned_count } = await projectionOf('workflow_steps');
  expect({ state, poisoned_count }).toEqual({ state: 'following', poisoned_count: 0 });
  expect(await sql('select status, attempt, revision from workflow_steps where execution_id = $1', [id])).toEqual([
    { status: 'completed', attempt: 1, revision: '2' },
  ]);
  expect((await at(0).get('/health/ready')).body.data.checks.projections).toMatchObject({ ok: true });
});

test('operators see, retry and skip an execution that is held back, from any instance', async () => {
  const sick = randomUUID();
  await append(`workflow-${sick}`, ['WorkflowStarted', 'Strange']);
  await eventually(async () => expect((await projectionOf('workflow_events')).poisoned_count).toBe(1));
  expect((await projectionOf('workflow_events')).poisoned).toMatchObject([{ execution_id: sick, revision: '0' }]);
  for (const index of [0, 1]) {
    expect(await at(index).get('/health/ready')).toMatchObject({
      status: 200,
      body: {
        data: { ready: true, checks: { projections: { ok: false, detail: expect.stringContaining('degraded') } } },
      },
    });
  }

  const path = `${ROUTE}/workflow_events/poisoned/${sick}`;
  expect((await at(1).post(path, { action: 'skip' })).status).toBe(400);
  const done = async (order: string) =>
    eventually(async () => {
      const found = (await projectionOf('workflow_events')).orders.find(({ id }: { id: string }) => id === order);
      expect(found.done_at).not.toBeNull();
      return found;
    });
  for (const index of [0, 1]) {
    const retried = await at(index).post(path, { action: 'retry', ...WHY });
    expect(retried).toMatchObject({ status: 202, body: { data: { order: { action: 'retry', revision: '0' } } } });
    expect((await done(retried.body.data.order.id)).outcome).toContain('held back at revision 0');
  }
  const key = { 'Idempotency-Key': 'skip-1' };
  const [first, again] = [
    await at(0).post(path, { action: 'skip', ...WHY }, key),
    await at(1).post(path, { action: 'skip', ...WHY }, key),
  ];
  expect([first.status, again.status]).toEqual([202, 202]);
  expect(again.body.data.order.id).toBe(first.body.data.order.id);
  expect((await done(first.body.data.order.id)).outcome).toBe('it is up to date');
  const { state, poisoned_count, skipped } = await projectionOf('workflow_events');
  expect({ state, poisoned_count }).toEqual({ state: 'following', poisoned_count: 0 });
  expect(skipped).toMatchObject([{ execution_id: sick, revision: '0', actor: { id: 'ann' }, reason: 'a test' }]);
  // The event after the skipped event is there.
  expect(await sql('select event_type from workflow_events where execution_id = $1', [sick])).toEqual([
    { event_type: 'Strange' },
  ]);
  expect((await at(0).post(path, { action: 'retry', ...WHY })).status).toBe(404);
  const held = await cli('poisoned', 'workflow_events');
  expect(held).toMatchObject({ code: 0, output: expect.stringContaining(`${sick} revision 0 skipped`) });
});

test('metrics are labelled by routes and projections, never by an execution', async () => {
  const text = await (await fetch(`${at(1).url}/metrics`)).text();
  expect(text).toMatch(/workflow_executor_projection_lag_events\{projection="workflow_events"\} 0/);
  expect(text).toMatch(/workflow_executor_projection_skipped_events\{projection="workflow_events"\} 1/);
  expect(text).toMatch(
    /http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/admin\/projections\/:name",status="200"\}/,
  );
  expect(text).toContain('process_cpu_user_seconds_total');
  expect(text).not.toContain(executionId);
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
});

test('verify finds a row changed by hand; the operator rebuilds its table and rolls the rebuild back', async () => {
  const clean = await cli('verify');
  expect(clean).toMatchObject({ code: 0, output: expect.stringContaining('all rows are those of their events') });
  await sql('update workflow_executions set percent_complete = 7 where id = $1', [executionId]);
  const found = await cli('verify', 'workflow_executions');
  expect(found.code).toBe(1);
  expect(found.output).toContain('percent_complete: expected 100, found 7');
  expect(await projectionOf('workflow_executions')).toMatchObject({ state: 'degraded', drifted_count: 1 });

  const refused = await cli('rebuild', 'workflow_executions', '--reason', 'it differs');
  expect(refused.output).toContain('1 changed');
  expect(refused.code).toBe(1);
  const { last_rebuild } = await projectionOf('workflow_executions');
  expect(last_rebuild).toMatchObject({ phase: 'refused', allowed_actions: ['approve', 'abandon'] });
  const own = `${ROUTE}/workflow_executions/rebuilds/${last_rebuild.id}`;
  expect((await at(0).get(own)).body.data.rebuild).toMatchObject({ id: last_rebuild.id, comparison: { changed: 1 } });
  expect(await at(1).post(`${ROUTE}/workflow_executions/rebuilds`, WHY)).toMatchObject({
    status: 409,
    body: { error: { details: { allowed_actions: ['approve', 'abandon'] } } },
  });
  expect((await at(1).post(`${own}/approve`, WHY)).status).toBe(202);
  const phase = (wanted: string) =>
    eventually(async () => expect((await projectionOf('workflow_executions')).last_rebuild.phase).toBe(wanted), {
      deadlineMs: 20_000,
    });
  await phase('swapped');
  // Drift that was found in the old table does not count for the new table.
  expect((await projectionOf('workflow_executions')).drifted_count).toBe(0);
  expect(await cli('verify', '--sample', '5')).toMatchObject({ code: 0 });

  expect((await at(0).post(`${ROUTE}/workflow_executions/rollback`, WHY)).status).toBe(202);
  await phase('rolled_back');
  expect((await cli('verify')).code).toBe(1);
}, 120_000);

test('verify finds rows that no event made and events without a row, in the table that has them and in no other', async () => {
  await sql('update workflow_executions set percent_complete = 100 where id = $1', [executionId]);
  const stranger = randomUUID();
  await sql(
    `insert into workflow_steps select (jsonb_populate_record(step, jsonb_build_object('id', $1::text, 'execution_id', $1::text))).*
     from workflow_steps step limit 1`,
    [stranger],
  );
  await sql('delete from workflow_events where execution_id = $1 and revision = 1', [executionId]);
  const { code, output } = await cli('verify');
  expect(code).toBe(1);
  expect(output).toContain(`execution ${stranger}: row {"id":"${stranger}"}: found, no event of the log made it`);
  expect(output).toContain(
    `row {"execution_id":"${executionId}","revision":"1"}: expected from its events, there is none`,
  );
  expect((await cli('verify', 'workflow_executions')).code).toBe(0);
});

test('the operator rebuilds all tables from the command line, which then verifies and lists them', async () => {
  const rebuilt = await cli('rebuild', 'all', '--reason', 'to be sure', '--approve', 'the log is right');
  expect(rebuilt.code).toBe(0);
  expect((await cli('verify')).code).toBe(0);
  const status = await cli('status');
  for (const table of TABLES) expect(status.output).toContain(`${table}: `);
  expect(await cli('rebuild', 'nothing')).toMatchObject({ code: 2, output: expect.stringContaining('got nothing') });
});
