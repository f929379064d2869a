/** Streams across kills and stops of instances and lost connections to the database. */
import pg from 'pg';
import { startAgentServer, succeed, type AgentServer } from '../support/agent-server.js';
import { eventually } from '../support/eventually.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { followSse, type SseClient } from '../support/sse-client.js';
import { openCluster, type Cluster } from './support/cluster.js';
import type { Instance } from './support/instance.js';

const STEPS = ['first', 'second', 'third', 'fourth'];
const START = { project_id: 'p-1', document_type: 'test', triggered_by: 'ann' };

let cluster: Cluster;
let agent: AgentServer;
let clients: SseClient[];
/** Steps that the agent answers; others wait. */
let open: Set<string>;
let waiting: Map<string, () => void>;

const start = (env: Record<string, string> = {}) => cluster.start(env);

const follow = ({ api }: Instance, path: string): SseClient => {
  const client = followSse(api.url, `/api/v1/workflow/${path}`);
  clients.push(client);
  return client;
};

const letGo = (step: string) => {
  open.add(step);
  for (const [key, answer] of waiting) if (key.endsWith(step)) answer();
};

beforeEach(async () => {
  [clients, open, waiting] = [[], new Set(), new Map()];
  agent = await startAgentServer(({ input }, response) => {
    const done = succeed({ [input.step]: 'done' });
    if (open.has(input.step)) return done;
    waiting.set(`${input.execution_id}/${input.attempt}/${input.step}`, () => {
      if (response.writableEnded || response.destroyed) return;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(done));
    });
    return undefined;
  });
  const urls = Object.fromEntries(STEPS.map((step) => [`AGENT_${step.toUpperCase()}_URL`, `${agent.url}/${step}`]));
  cluster = await openCluster(
    STEPS.map((name) => ({ name, agent: name })),
    urls,
  );
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await cluster.close();
  await agent.close();
});

const inState = (client: SseClient, state: string) =>
  eventually(() => client.messages.some(({ data }) => data.execution?.current_state === state), { deadlineMs: 30_000 });

/** Expects that the client has each event after its snapshot, once and in order. */
const mustHaveAll = async (client: SseClient, { api }: Instance, id: string) => {
  const written = await api.events(id);
  const from = Number(client.named('snapshot')[0]!.data.execution.revision);
  expect(client.named('snapshot')).toHaveLength(1);
  expect(client.named('event').map(({ data }) => data.event)).toEqual(written.slice(from + 1));
};

test('a client that follows over kills and restarts of its instance misses no event and gets none twice', async () => {
  const first = await start();
  const id = await first.api.start(START);
  const client = follow(first, `${id}/stream`);
  await inState(client, 'first_running');
  letGo('first');
  await inState(client, 'second_running');
  await first.child.kill('SIGKILL');
  const second = await start();
  client.goTo(second.api.url);
  letGo('second');
  await inState(client, 'third_running');
  await second.child.kill('SIGKILL');
  const third = await start();
  client.goTo(third.api.url);
  for (const step of STEPS) letGo(step);
  await client.done;
  expect(client.messages.at(-1)!.data).toEqual({ reason: 'completed' });
  await mustHaveAll(client, third, id);
}, 90_000);

test('an instance that gets SIGTERM closes its streams at once, and the client goes on at another instance', async () => {
  const [first, second] = [await start({ SHUTDOWN_GRACE_MS: '200' }), await start()];
  const id = await first.api.start(START);
  const client = follow(first, `${id}/stream`);
  await inState(client, 'first_running');
  client.goTo(second.api.url);
  const begun = performance.now();
  await first.child.kill('SIGTERM');
  expect(first.child.process.exitCode).toBe(0);
  // Without the streams' end the drain would wait for seconds.
  expect(performance.now() - begun).toBeLessThan(4_000);
  expect(client.named('closing').map(({ data }) => data.reason)).toEqual(['stopping']);
  for (const step of STEPS) letGo(step);
  await client.done;
  await mustHaveAll(client, second, id);
}, 90_000);

test('clients of either instance see all events, even when the listeners lose their database connections', async () => {
  const [first, second] = [await start({ SAGA_MAX_CONCURRENT_STEPS: '8' }), await start()];
  const id = await first.api.start(START);
  const [here, there] = [follow(first, `${id}/stream`), follow(second, `${id}/stream`)];
  const all = follow(second, 'stream');
  await inState(here, 'first_running');
  await inState(there, 'first_running');
  await eventually(() => all.messages.length > 0);
  const client = new pg.Client({ connectionString: cluster.databaseUrl });
  await client.connect();
  const ended = await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'workflow-executor-changes' and datname = current_database()`,
  );
  expect(ended.rowCount).toBe(2);
  letGo('first');
  letGo('second');
  await inState(there, 'third_running');
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'workflow-executor-changes' and datname = current_database()`,
  );
  for (const step of STEPS) letGo(step);
  await Promise.all([here.done, there.done]);
  await client.end();
  await mustHaveAll(here, first, id);
  await mustHaveAll(there, second, id);
  const written = await first.api.events(id);
  const from = Number(all.messages[0]!.data.executions[0]?.revision ?? -1);
  await eventually(() => expect(all.named('event').map(({ data }) => data.event)).toEqual(written.slice(from + 1)));
  // The client did not have to reconnect for it.
  expect(there.statuses).toEqual([200, 204]);
}, 90_000);

test('a stream opened while the database is away closes with the reason unavailable, and the client gets every event later', async () => {
  const url = new URL(cluster.databaseUrl);
  const proxy = await startFaultProxy({ host: url.hostname, port: Number(url.port) });
  try {
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const instance = await start({ DATABASE_URL: url.href });
    const id = await instance.api.start(START);
    await instance.api.reaches(id, 'first_running');
    proxy.refuse();
    proxy.drop();
    const answers = await Promise.all(
      [`${id}/stream`, 'stream', 'stream?state=of_none', `${id}/stream?last_event_id=0`].map(async (path) => {
        const headers = { accept: 'text/event-stream' };
        const response = await fetch(`${instance.api.url}/api/v1/workflow/${path}`, { headers });
        return [response.status, response.headers.get('content-type'), await response.text()] as const;
      }),
    );
    for (const [status, type, text] of answers) {
      expect([status, type]).toEqual([200, 'text/event-stream; charset=utf-8']);
      expect(text).toMatch(/^retry: \d+\n\nevent: closing\ndata: {"reason":"unavailable","message":"[^"]+"}\n\n$/);
    }
    const client = follow(instance, `${id}/stream`);
    await eventually(() => client.named('closing').length > 1);
    proxy.release();
    await inState(client, 'first_running');
    for (const step of STEPS) letGo(step);
    await client.done;
    expect(client.messages.at(-1)!.data).toEqual({ reason: 'completed' });
    await mustHaveAll(client, instance, id);
  } finally {
    await proxy.close();
  }
}, 90_000);
