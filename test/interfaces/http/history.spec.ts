import { once } from 'node:events';
import { get as httpGet } from 'node:http';
import request from 'supertest';
import type { EventView } from '../../../src/application/queries/read-model.js';
import { eventually } from '../../support/eventually.js';
import { startHttp, type HttpWorld } from './http-app.js';
import { post, send } from './send.js';

const NOBODY = '11111111-1111-4111-8111-111111111111';

describe('the history over HTTP', () => {
  let world: HttpWorld;
  beforeEach(async () => (world = await startHttp()));
  afterEach(() => world.finish());

  const get = (path: string) => request(world.url).get(path);
  const start = async (metadata = {}): Promise<string> => {
    const body = { project_id: 'p', document_type: 'ib', auto_execute: false, metadata };
    return (await send(world.url, post('/api/v1/workflow/start', body))).json.data.execution.id;
  };
  /** Of a type that nobody knows: `count` more events. */
  const grow = async (id: string, count: number, text = '') => {
    const events = Array.from({ length: count }, (_, index) => ({
      id: `33333333-3333-4333-8333-${String(index).padStart(12, '0')}`,
      ...{ type: index % 1_000 === 999 ? 'Rare' : 'Noted', data: { index, text }, metadata: null },
    }));
    for (let from = 0; from < count; from += 250) {
      await world.log.append(`workflow-${id}`, events.slice(from, from + 250), BigInt(from));
    }
  };
  const lines = async (path: string) => {
    const { text } = await send(world.url, { path, headers: { Accept: 'application/x-ndjson' } });
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const walk = async (path: string) => {
    const pages: EventView[][] = [];
    for (let cursor = ''; ;) {
      const { events, next_cursor } = (await get(path + cursor).expect(200)).body.data;
      pages.push(events);
      if (next_cursor === null) return pages;
      cursor = `&cursor=${next_cursor}`;
    }
  };

  test('10,000 events: as pages in both orders, of some types, and as lines with an end', async () => {
    const id = await start();
    await grow(id, 10_000);
    world.readModel.words = ['Rare', 'Noted', 'Missing'];
    const path = `/api/v1/workflow/${id}/events?limit=1000`;
    const up = (await walk(path)).flat();
    expect(up.map(({ revision }) => Number(revision))).toEqual(Array.from({ length: 10_001 }, (_, index) => index));
    expect((await walk(`${path}&order=desc`)).flat()).toEqual(up.toReversed());
    const rare = up.filter(({ event_type }) => event_type === 'Rare' || event_type === 'WorkflowStarted');
    expect((await walk(`${path}&type=Rare&type=WorkflowStarted`)).flat()).toEqual(rare);
    expect((await walk(`${path}&type=Rare,WorkflowStarted&order=desc&after_revision=5000`)).flat()).toEqual(
      rare.toReversed().filter(({ revision }) => Number(revision) > 5_000),
    );
    const sent = await lines(`/api/v1/workflow/${id}/events`);
    expect(sent.slice(0, -1)).toEqual(up);
    expect(sent.at(-1)).toEqual({ end: { complete: true, events: 10_001, next_cursor: null } });
    expect(up[0]).toMatchObject({ hash: expect.stringMatching(/^[0-9a-f]{64}$/), previous_hash: null });
    // The execution itself comes with the latest only, and says how many came before.
    const { events, earlier_events } = (
      await get(`/api/v1/workflow?execution_id=${id}&at_revision=10000&include_events=true`).expect(200)
    ).body.data;
    expect(events).toEqual(up.slice(-1_000));
    expect(earlier_events).toBe(9_001);
    // More than one page looks at: it ends without an event, but not without a cursor.
    const none = (await walk(`/api/v1/workflow/${id}/events?type=Missing`)).map(({ length }) => length);
    expect(none).toEqual([0, 0]);
  }, 60_000);

  test('a part as lines, and a failure on the way, say that there is more, and from where', async () => {
    const id = await start();
    await grow(id, 1_500);
    const path = `/api/v1/workflow/${id}/events`;
    const part = await lines(`${path}?limit=3`);
    expect(part.at(-1).end).toEqual({ complete: false, events: 3, next_cursor: expect.any(String) });
    const read = world.log.readPage.bind(world.log);
    let reads = 0;
    world.log.readPage = async (...asked) => {
      if (++reads > 3) throw new Error('the disk');
      return read(...asked);
    };
    const broken = await lines(path);
    const { end } = broken.at(-1);
    expect(end).toMatchObject({ complete: false, error: { code: 'INTERNAL_ERROR' }, events: broken.length - 1 });
    world.log.readPage = read;
    const rest = await lines(`${path}?cursor=${end.next_cursor}`);
    expect(broken.length - 1 + rest.length - 1).toBe(1_501);
    expect(rest[0].revision).toBe(String(broken.length - 1));
  });

  test('a client that hangs up ends the reading', async () => {
    const id = await start();
    await grow(id, 5_000);
    const read = world.log.readPage.bind(world.log);
    let [reads, release] = [0, () => undefined as void];
    const gate = new Promise<void>((resolve) => (release = resolve));
    world.log.readPage = async (...asked) => {
      reads += 1;
      if (reads > 3) await gate;
      return read(...asked);
    };
    const sent = httpGet(`${world.url}/api/v1/workflow/${id}/events`, { headers: { Accept: 'application/x-ndjson' } });
    const [answer] = await once(sent, 'response');
    await once(answer, 'data');
    await eventually(() => reads === 4);
    const connections = () =>
      new Promise<number>((resolve) => world.app.getHttpServer().getConnections((_: unknown, n: number) => resolve(n)));
    sent.destroy();
    await eventually(async () => (await connections()) === 0);
    release();
    await new Promise((resolve) => setImmediate(resolve));
    // What was under way is read to its end (two reads at most); nothing after it.
    expect(reads).toBeLessThanOrEqual(6);
  });

  test('CloudEvents: a batch, and lines', async () => {
    const id = await start();
    await grow(id, 2);
    const path = `/api/v1/workflow/${id}/events?format=cloudevents`;
    const { headers, text } = await send(world.url, { path: `${path}&limit=1` });
    expect(headers['content-type']).toBe('application/cloudevents-batch+json');
    expect(headers['link']).toMatch(/^<\/executor\/api\/v1\/workflow\/.*cursor=.*>; rel="next"$/);
    const [first] = JSON.parse(text);
    expect(first).toMatchObject({
      ...{ specversion: '1.0', source: '/api/v1/workflow', type: 'workflow-executor.WorkflowStarted', subject: id },
      ...{ datacontenttype: 'application/json', revision: '0', actortype: 'user', hash: expect.any(String) },
    });
    for (const name of Object.keys(first)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
    expect(Object.values(first)).not.toContain(null);
    const sent = await lines(path);
    expect(sent.map(({ type }) => type)).toEqual([
      ...['workflow-executor.WorkflowStarted', 'workflow-executor.Noted', 'workflow-executor.Noted'],
      'workflow-executor.HistoryEnd',
    ]);
    expect(sent[0]).toEqual(first);
    expect(sent.at(-1).data).toMatchObject({ complete: true, events: 3 });
  });

  test('what cannot be answered is refused, with what can', async () => {
    const id = await start();
    await grow(id, 3);
    const path = `/api/v1/workflow/${id}/events`;
    const { body } = await get(path).set('Accept', 'text/csv').expect(406);
    expect(body.error.details.offered).toContain('application/x-ndjson');
    await get(`${path}?format=cloudevents`).set('Accept', 'application/json').expect(406);
    for (const bad of ['source=x', 'order=up', 'type=', 'type=a%20b', 'format=xml', 'limit=1001', 'cursor=abc']) {
      await get(`${path}?${bad}`).expect(400);
    }
    const { next_cursor } = (await get(`${path}?limit=1`).expect(200)).body.data;
    await get(`${path}?order=desc&cursor=${next_cursor}`).expect(400);
    await get(`${path}?type=Noted&cursor=${next_cursor}`).expect(400);
    await get(`${path}?after_revision=9223372036854775807`).expect(200);
    for (const order of ['asc', 'desc']) await get(`/api/v1/workflow/${NOBODY}/events?order=${order}`).expect(404);
  });

  test('the past: by revision for ever, by time for ever once something came after it', async () => {
    const before = world.clock.now();
    await world.clock.pass(1_000);
    const id = await start();
    const one = (query: string) => get(`/api/v1/workflow?execution_id=${id}&${query}`);
    const asOf = encodeURIComponent(world.clock.now().toISOString());
    expect((await one(`as_of=${asOf}`).expect(200)).headers['cache-control']).toBe('private, no-cache');
    await world.clock.pass(1_000);
    await send(world.url, post('/api/v1/workflow/control', { execution_id: id, action: 'pause', actor_id: 'ann' }));
    const then = await one(`as_of=${asOf}`).expect(200);
    expect(then.headers).toMatchObject({ 'cache-control': 'private, max-age=31536000, immutable', etag: '"past-0"' });
    expect(then.body.data).toMatchObject({ execution: { current_state: 'created' }, historical: { of_revision: '0' } });
    await one('at_revision=0').set('If-None-Match', '"past-0"').expect(304);
    expect((await one('at_revision=1&include_steps=true').expect(200)).body.data).toMatchObject({
      ...{ execution: { current_state: 'paused', revision: '1' }, steps: [{ step_order: 1 }, { step_order: 2 }] },
      historical: { at_revision: '1', as_of: null, of_revision: '1' },
    });
    const beyond = (await one('at_revision=7').expect(404)).body.error;
    expect(beyond).toMatchObject({ code: 'NOT_IN_HISTORY', details: { present_revision: '1' } });
    expect((await one(`as_of=${before.toISOString()}`).expect(404)).body.error.code).toBe('NOT_IN_HISTORY');
    await one('as_of=2999-01-01').expect(400);
    await one(`as_of=${asOf}&at_revision=0`).expect(400);
    await one('min_revision=0&at_revision=0').expect(400);
    await get(`/api/v1/workflow?execution_id=${NOBODY}&at_revision=0`).expect(404);
  });

  test('a diff names each field and the event that changed it; a comparison where two runs part', async () => {
    const [id, other] = [await start(), await start()];
    const control = (more: object) =>
      send(world.url, post('/api/v1/workflow/control', { execution_id: id, actor_id: 'ann', ...more }));
    await control({ action: 'pause', reason: 'lunch' });
    await control({ action: 'resume' });
    await control({ action: 'cancel', reason: 'enough' });
    const diff = async (query: string) => (await get(`/api/v1/workflow/${id}/diff${query}`).expect(200)).body.data;
    const whole = await diff('');
    expect(whole).toMatchObject({ from: '0', to: '3' });
    const field = (name: string, step: string | null = null) =>
      whole.changes.find((one: { field: string; step: string | null }) => one.field === name && one.step === step);
    expect(field('current_state')).toMatchObject({
      ...{ scope: 'execution', from: 'created', to: 'cancelled', times: 3 },
      changed_by: { revision: '3', event_type: 'WorkflowCancelled', actor: { id: 'ann' }, reason: 'enough' },
    });
    expect(field('pause_state')).toMatchObject({ from: null, to: null, times: 2, changed_by: { revision: '2' } });
    expect(field('status', 'compose')).toMatchObject({ scope: 'step', from: 'pending', to: 'cancelled', times: 1 });
    expect((await diff('?from=1&to=1')).changes).toEqual([]);
    await get(`/api/v1/workflow/${id}/diff?from=2&to=1`).expect(400);
    await get(`/api/v1/workflow/${id}/diff?to=4`).expect(404);
    await get(`/api/v1/workflow/${id}/diff?from=4`).expect(404);
    await get(`/api/v1/workflow/${NOBODY}/diff`).expect(404);

    const { body } = await get(`/api/v1/workflow/${id}/compare/${other}`).expect(200);
    expect(body.data.first_difference).toEqual({ in: 'status', step: 'enrich', a: 'cancelled', b: 'pending' });
    expect(body.data.steps).toHaveLength(2);
    expect(body.data.steps[0]).toMatchObject({ differs: ['status'], a: { attempts: 0 }, duration_difference_ms: null });
    expect((await get(`/api/v1/workflow/${id}/compare/${id}`).expect(200)).body.data.first_difference).toBeNull();
    await get(`/api/v1/workflow/${id}/compare/${NOBODY}`).expect(404);
  });
});
