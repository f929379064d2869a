/** Server-sent events of one instance. Several and restarted instances are in streams-restart.spec.ts. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { EventLog } from '../../src/application/log/event-log.js';
import { OpenStreams } from '../../src/interfaces/http/streams/open-streams.js';
import { eventually } from '../support/eventually.js';
import { followSse, type SseClient } from '../support/sse-client.js';
import { scriptedApp } from './support/scripted-app.js';

const world = scriptedApp({
  MAX_OPEN_STREAMS: '5',
  STREAM_STALLED_MS: '300',
  STREAM_BUFFER_BYTES: '65536',
  STREAM_HEARTBEAT_MS: '100',
});
let clients: SseClient[];

beforeEach(() => {
  clients = [];
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await eventually(() => world.app.server.app.get(OpenStreams).count === 0);
});

const follow = (path: string, options: Parameters<typeof followSse>[2] = {}): SseClient => {
  const client = followSse(world.api.url, `/api/v1/workflow/${path}`, options);
  clients.push(client);
  return client;
};

const start = (more: object = {}) =>
  world.api.start({ project_id: 'p-1', document_type: 'ib', triggered_by: 'ann', auto_execute: false, ...more });
const remaining = (id: string) => world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: 'remaining' });
const upTo = (last: number, first = 0) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

/* eslint-disable @typescript-eslint/no-explicit-any -- rows as JSON */
/** The steps of a client that applies each change to its snapshot. */
const steps = ({ messages }: SseClient): any[] => {
  let rows: any[] = [];
  for (const { event, data } of messages) {
    if (event === 'snapshot') rows = data.steps.map((row: object) => ({ ...row }));
    for (const { insert, match, where, set } of event === 'event' ? data.steps : []) {
      if (insert) rows.push(insert);
      const isMeant = (row: any) =>
        Object.entries(match).every(([name, value]) => row[name] === value) &&
        (!where || where.among.includes(row[where.column]));
      if (match) for (const row of rows.filter(isMeant)) Object.assign(row, set);
    }
  }
  return rows;
};

test('a stream sends a snapshot, each event as it happens, and the end; the client’s steps equal the read tables', async () => {
  const id = await start();
  await world.api.reaches(id, 'created');
  const client = follow(`${id}/stream`);
  await eventually(() => client.messages.length === 1);
  expect(client.messages[0]).toMatchObject({
    event: 'snapshot',
    data: { reason: 'start', execution: { id, revision: '0' } },
  });

  await remaining(id);
  await client.done;
  const { execution, steps: rows } = await world.api.details(id);
  expect(client.revisions()).toEqual(upTo(Number(execution.revision), 1));
  const [told, written] = [client.named('event').map(({ data }) => data.event), await world.api.events(id)];
  expect(told).toEqual(written.slice(1));
  expect(steps(client)).toEqual(rows);
  expect(client.messages.at(-2)!.data.execution).toMatchObject({
    id,
    project_id: 'p-1',
    current_state: 'completed',
    percent_complete: 100,
  });
  expect(client.messages.at(-1)).toEqual({ id: execution.position, event: 'end', data: { reason: 'completed' } });
  // The client has reconnected, as EventSource does, and got 204: there is nothing more.
  expect(client.statuses).toEqual([200, 204]);
});

test('after a cancel, the client’s steps equal the read tables', async () => {
  const id = await start();
  const client = follow(`${id}/stream`);
  await eventually(() => client.messages.length === 1);
  await world.api.control(id, 'cancel', { reason: 'enough' });
  await client.done;
  expect(client.messages.at(-1)!.data).toEqual({ reason: 'cancelled' });
  expect(steps(client)).toEqual((await world.api.details(id)).steps);
});

test('a client that was cut off gets the events that it misses, and none twice', async () => {
  world.agents.scripts.set('p-cut', { write: 'hold' });
  const id = await start({ project_id: 'p-cut', auto_execute: true });
  const client = follow(`${id}/stream`);
  await eventually(() => client.messages.some(({ data }) => data.execution.current_state === 'writing'));
  client.cut();
  await eventually(() => world.agents.release(id, 'write') ?? true);
  await client.done;
  const last = Number((await world.api.details(id)).execution.revision);
  const first = Number(client.messages[0]!.data.execution.revision);
  expect(client.named('snapshot')).toHaveLength(1);
  expect(client.revisions()).toEqual(upTo(last, first + 1));
});

test('a failed execution ends the stream; after a retry the client follows on from there', async () => {
  world.agents.scripts.set('p-fail', { enrich: 'validation' });
  const id = await start({ project_id: 'p-fail', auto_execute: true });
  const first = follow(`${id}/stream`);
  await first.done;
  expect(first.messages.at(-1)!.data).toEqual({ reason: 'failed' });
  world.agents.scripts.delete('p-fail');
  const { steps: rows } = await world.api.details(id);
  await world.api.control(id, 'retry', { step_id: rows[0].id });
  const then = follow(`${id}/stream`, { lastEventId: first.messages.at(-1)!.id });
  await then.done;
  expect(then.messages.at(-1)!.data).toEqual({ reason: 'completed' });
  const last = Number((await world.api.details(id)).execution.revision);
  const known = Number(first.messages.findLast(({ data }) => data.execution)!.data.execution.revision);
  expect(then.revisions()).toEqual(upTo(last, known + 1));
});

test('the server refuses a bad request with JSON before a stream begins', async () => {
  const refused = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${world.api.url}/api/v1/workflow/${path}`, { headers });
    return { status: response.status, code: (await response.json()).error.code };
  };
  const id = await start();
  await world.api.reaches(id, 'created');
  expect(await refused(`${randomUUID()}/stream`)).toEqual({ status: 404, code: 'NOT_FOUND' });
  expect(await refused('nonsense/stream')).toEqual({ status: 400, code: 'INVALID_REQUEST' });
  for (const given of ['x', '-1', '1.5', '99999999999999999999', '9223372036854775808']) {
    expect(await refused(`${id}/stream`, { 'last-event-id': given })).toEqual({ status: 400, code: 'INVALID_REQUEST' });
    expect(await refused(`stream?last_event_id=${given}`)).toEqual({ status: 400, code: 'INVALID_REQUEST' });
  }
  expect(await refused('stream?state=a/b')).toEqual({ status: 400, code: 'INVALID_REQUEST' });
  expect(await refused('stream?project_id=')).toEqual({ status: 400, code: 'INVALID_REQUEST' });
  expect(await refused('stream?colour=red')).toEqual({ status: 400, code: 'INVALID_REQUEST' });
  expect(await refused('stream', { accept: 'application/json' })).toEqual({ status: 406, code: 'NOT_ACCEPTABLE' });
  const head = await fetch(`${world.api.url}/api/v1/workflow/stream`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
});

test('an instance at MAX_OPEN_STREAMS refuses plain requests with 503, and asks EventSource clients to come again', async () => {
  const others = Array.from({ length: 5 }, () => follow('stream'));
  await eventually(() => others.every(({ messages }) => messages.length === 1));
  const response = await fetch(`${world.api.url}/api/v1/workflow/stream`);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await response.json()).toMatchObject({ error: { code: 'TOO_MANY_STREAMS' } });

  // EventSource would not reconnect after a 503.
  const id = await start();
  for (const path of ['stream', `${id}/stream`]) {
    const headers = { accept: 'text/event-stream' };
    const told = await fetch(`${world.api.url}/api/v1/workflow/${path}`, { headers });
    expect([told.status, told.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const text = await told.text();
    expect(text).toMatch(
      /^retry: \d+\n\nevent: closing\ndata: {"reason":"full","message":"This instance has 5 streams[^"]+"}\n\n$/,
    );
    expect(Number(/\d+/.exec(text)![0])).toBeGreaterThanOrEqual(5_000);
  }
  const unknown = await fetch(`${world.api.url}/api/v1/workflow/${randomUUID()}/stream`, {
    headers: { accept: 'text/event-stream' },
  });
  expect([unknown.status, (await unknown.json()).error.code]).toEqual([404, 'NOT_FOUND']);
  const waiting = follow(`${id}/stream`);
  await eventually(() => waiting.named('closing').length > 0);
  await others.pop()!.close();
  await eventually(() => waiting.named('snapshot').length === 1);
});

test('many: a client filters by project and by state, and gets a left message when an execution leaves the state', async () => {
  const [mine, other] = [`mine-${randomUUID()}`, `other-${randomUUID()}`];
  const here = await start({ project_id: mine });
  await world.api.reaches(here, 'created');
  const ofProject = follow(`stream?project_id=${mine}`);
  const created = follow(`stream?project_id=${mine}&state=created`);
  await eventually(() => ofProject.messages.length === 1 && created.messages.length === 1);
  expect(created.messages[0]!.data).toMatchObject({
    executions: [{ id: here, current_state: 'created' }],
    next_cursor: null,
  });
  await start({ project_id: other, auto_execute: true });
  await remaining(here);
  await world.api.reaches(here, 'completed');
  const last = Number((await world.api.details(here)).execution.revision);
  await eventually(() => expect(ofProject.revisions()).toEqual(upTo(last, 1)));
  expect(new Set(ofProject.named('event').map(({ data }) => data.execution.project_id))).toEqual(new Set([mine]));
  await eventually(() => created.named('left').length === 1);
  expect(created.named('left')[0]!.data.execution).toMatchObject({ id: here, current_state: 'enriching' });
  expect(created.named('event').every(({ data }) => data.execution.current_state === 'created')).toBe(true);

  const again = follow(`stream?project_id=${mine}`, { lastEventId: ofProject.messages[3]!.id });
  await eventually(() => expect(again.revisions()).toEqual(upTo(last, 4)));
  expect(again.named('snapshot')).toEqual([]);
});

/** Appends as another program would. */
const append = async (id: string, type: string, data: object) => {
  const log = world.app.server.app.get(EventLog);
  const { revision } = await log.read(`workflow-${id}`);
  await log.append(`workflow-${id}`, [{ id: randomUUID(), type, data: data as never, metadata: {} }], revision);
};

test('many: events that were held back reach clients when an operator skips the cause; clients that were away get a snapshot', async () => {
  const [sick, well] = [await start(), await start()];
  await world.api.reaches(sick, 'created');
  await world.api.reaches(well, 'created');
  const client = follow('stream');
  await eventually(() => client.messages.length === 1);
  const { steps: rows } = await world.api.details(sick);
  await append(sick, 'StepStarted', { stepId: rows[0].id, step: 'enrich', attempt: 'first' });
  await append(sick, 'WorkflowPraised', { by: 'a reader' });
  await remaining(well);
  const of = (id: string) => client.named('event').filter(({ data }) => data.event.execution_id === id);
  await eventually(() => of(well).at(-1)?.data.execution.current_state === 'completed');
  expect(of(sick)).toEqual([]);
  const cursor = client.messages.at(-1)!.id;

  const route = '/api/v1/admin/projections/workflow_events';
  await world.api.post(`${route}/poisoned/${sick}`, { action: 'skip', actor_id: 'ann', reason: 'not ours' });
  await eventually(() => expect(of(sick).map(({ data }) => data.event.revision)).toEqual(['2']));
  expect(of(sick)[0]!.id).toBe(cursor);
  expect(BigInt(of(sick)[0]!.data.event.position)).toBeLessThan(BigInt(cursor));

  const away = follow('stream', { lastEventId: cursor, once: true });
  await eventually(() => away.messages.length > 0);
  expect(away.messages[0]).toMatchObject({ event: 'snapshot', data: { reason: 'history_changed' } });
});

test('many: clients that follow get a snapshot after a rebuild of a table', async () => {
  const client = follow('stream');
  await eventually(() => client.messages.length === 1);
  const route = '/api/v1/admin/projections/workflow_events';
  await eventually(async () => {
    const { body } = await world.api.get(route);
    expect(body.data.projection.lag.events).toBe(0);
  });
  const ordered = await world.api.post(`${route}/rebuilds`, { actor_id: 'ann', reason: 'a test', require: 'none' });
  expect(ordered.status).toBe(202);
  await eventually(() => client.messages.length > 1, { deadlineMs: 30_000 });
  expect(client.messages[1]).toMatchObject({ event: 'snapshot', data: { reason: 'history_changed' } });
  const id = await start();
  await eventually(() => client.named('event').some(({ data }) => data.event.execution_id === id));
}, 60_000);

test('a client that does not read is disconnected with the reason slow, and goes on from its last id', async () => {
  const text = 'x'.repeat(50_000);
  const project = `p-${randomUUID()}`;
  const [response] = (await once(
    request(`${world.api.url}/api/v1/workflow/stream?project_id=${project}`).end(),
    'response',
  )) as [IncomingMessage];
  let read = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (read += chunk));
  await eventually(() => read.includes('event: snapshot'));
  response.pause();
  const ids: string[] = [];
  const streams = world.app.server.app.get(OpenStreams);
  for (let round = 0; round < 40 && streams.count > 0; round++)
    ids.push(
      ...(await Promise.all(Array.from({ length: 20 }, () => start({ project_id: project, metadata: { text } })))),
    );
  await eventually(() => streams.count === 0);
  response.resume();
  await once(response, 'end');
  expect(read).toMatch(/event: closing\ndata: {"reason":"slow",/);
  const lastId = [...read.matchAll(/^id: (\d+)$/gm)].at(-1)![1]!;
  const client = follow(`stream?project_id=${project}`, { lastEventId: lastId });
  const received = () => [
    ...[...read.matchAll(/"event":{"execution_id":"([^"]+)"/g)].map(([, id]) => id!),
    ...client.named('event').map(({ data }) => data.event.execution_id as string),
  ];
  await eventually(() => expect(received().length).toBeGreaterThanOrEqual(ids.length));
  expect(received().sort()).toEqual([...ids].sort());
}, 60_000);

test('a stream sends heartbeats, and headers that keep proxies from buffering or caching it', async () => {
  const unknown = await fetch(`${world.api.url}/api/v1/workflow/stream?state=nowhere`);
  expect([unknown.status, (await unknown.json()).error.code]).toEqual([400, 'UNKNOWN_STATE']);
  const response = await fetch(`${world.api.url}/api/v1/workflow/stream?state=created`);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  let read = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    read += chunk;
    if (/^: *\nid: \d+$/m.test(read)) break;
  }
  expect(read).toMatch(/^retry: \d+\n\nid: \d+\nevent: snapshot\n/);
});
