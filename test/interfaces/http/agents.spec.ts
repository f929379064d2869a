import request from 'supertest';
import { answers } from '../../support/saga-world.js';
import { settle } from '../../../src/testing/real-time.js';
import { BACKLOG, startHttp, type HttpWorld } from './http-app.js';

const START = { project_id: 'p', document_type: 'ib' };
const NOW = '2030-01-01T00:00:00.000Z';

let world: HttpWorld;
beforeEach(async () => (world = await startHttp()));
afterEach(() => world.finish());

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  request(world.url).post(`/api/v1/workflow/${path}`).set(headers).send(body);
const listed = async () => (await request(world.url).get('/api/v1/workflow/agents').expect(200)).body.data;
const typesOf = async (id: string) => (await world.history(id)).map(({ type }) => type);

describe('the list of agents', () => {
  test('shows each with its address, limits, circuit and hold, and names what is of this instance alone', async () => {
    const { agents, per_instance } = await listed();
    expect(per_instance).toEqual(['running_calls', 'waiting_steps', 'limits', 'circuit']);
    expect(agents[0]).toEqual({
      name: 'enrich',
      kind: 'http',
      url: 'http://agents/enrich',
      headers: [],
      signed: false,
      running_calls: 0,
      waiting_steps: 0,
      limits: {
        concurrent_calls: null,
        rate: null,
        circuit: { failures: 0, failure_percent: 0, min_calls: 0, window_ms: 1, cool_down_ms: 0 },
      },
      circuit: { state: 'closed', since: null, next_trial_at: null, recent_failures: 0 },
      held: null,
    });
    expect(agents).toHaveLength(2);
  });

  test('counts the calls that run and the steps that wait', async () => {
    for (let count = 0; count < 10; count++) await post('start', START).expect(201);
    await settle();
    expect((await listed()).agents[0]).toMatchObject({ running_calls: 8, waiting_steps: 2 });
  });
});

describe('a hold', () => {
  test('is a fact with actor and reason; steps wait, and go on when it is released', async () => {
    const { body } = await post('agents/enrich/hold', { actor_id: 'ann', reason: 'it answers nonsense' }).expect(200);
    const held = { by: { type: 'user', id: 'ann' }, reason: 'it answers nonsense', since: NOW };
    expect(body.data).toMatchObject({ changed: true, revision: '0', position: '100', agent: { name: 'enrich', held } });
    expect(world.appended).toMatchObject([
      {
        type: 'AgentHeld',
        data: { agent: 'enrich', actor: { type: 'user', id: 'ann' }, reason: 'it answers nonsense', at: NOW },
        metadata: { actor: { type: 'user', id: 'ann' }, reason: 'it answers nonsense', occurredAt: NOW },
      },
    ]);
    const started = (await post('start', START).expect(201)).body.data.execution.id;
    await world.clock.pass(600_000);
    expect(await typesOf(started)).toEqual(['WorkflowStarted']);
    expect((await listed()).agents[0]).toMatchObject({ held, running_calls: 0, waiting_steps: 1 });

    const released = await post('agents/enrich/release', { actor_id: 'bob', reason: 'mended' }).expect(200);
    expect(released.body.data).toMatchObject({ changed: true, revision: '1', agent: { held: null } });
    await settle();
    await settle();
    expect(await typesOf(started)).toEqual(['WorkflowStarted', 'StepStarted']);
    world.agent.answer(answers());
    await settle();
    expect(world.errors).toEqual([]);
  });

  test('of a held agent, and a release of an agent that is not held, change nothing', async () => {
    const idle = await post('agents/enrich/release', { reason: 'to be sure' }).expect(200);
    expect(idle.body.data).toMatchObject({ changed: false, revision: null, position: null, agent: { held: null } });
    await post('agents/enrich/hold', { actor_id: 'ann', reason: 'first' }).expect(200);
    const again = await post('agents/enrich/hold', { actor_id: 'bob', reason: 'second' }).expect(200);
    expect(again.body.data).toMatchObject({ changed: false, revision: '0', agent: { held: { reason: 'first' } } });
    expect(world.appended).toHaveLength(1);
  });

  test('that is repeated under its Idempotency-Key after a release is the old one', async () => {
    const key = { 'Idempotency-Key': 'hold-1' };
    await post('agents/enrich/hold', { reason: 'r' }, key).expect(200);
    await post('agents/enrich/release', { reason: 'r' }).expect(200);
    const again = await post('agents/enrich/hold', { reason: 'r' }, key).expect(200);
    expect(again.body.data).toMatchObject({ changed: false, agent: { held: null } });
  });

  test('of one agent leaves other agents alone; without an actor it is anonymous', async () => {
    await post('agents/compose/hold', { reason: 'r' }).expect(200);
    const started = (await post('start', START).expect(201)).body.data.execution.id;
    expect(await typesOf(started)).toEqual(['WorkflowStarted', 'StepStarted']);
    expect((await listed()).agents[1].held.by).toEqual({ type: 'user', id: 'anonymous', verified: false });
  });
});

describe('a start when too many wait', () => {
  test('is answered 503 with Retry-After, and nothing is appended', async () => {
    world.waiting.number = BACKLOG.waiting;
    const { status, headers, body } = await post('start', START);
    expect([status, headers['retry-after']]).toEqual([503, '5']);
    expect(body).toMatchObject({ success: false, error: { code: 'TOO_MANY_WAITING' } });
    expect(body.error.message).toContain('1000 executions');
    expect(world.appended).toEqual([]);
    expect(world.logged).toEqual([]);
  });

  test('is answered as before where it repeats an accepted start', async () => {
    const key = { 'Idempotency-Key': 'start-1' };
    const first = await post('start', START, key).expect(201);
    world.waiting.number = BACKLOG.waiting;
    await world.clock.pass(1_000);
    const repeat = await post('start', START, key).expect(201);
    expect(repeat.body.data.execution.id).toBe(first.body.data.execution.id);
    await post('start', START, { 'Idempotency-Key': 'start-2' }).expect(503);
    await post('start', { ...START, project_id: 'other' }, key).expect(422);
  });

  test('is accepted again when there is room', async () => {
    world.waiting.number = BACKLOG.waiting;
    await post('start', START).expect(503);
    world.waiting.number = BACKLOG.waiting - 1;
    await post('start', START).expect(503);
    await world.clock.pass(1_000);
    await post('start', START).expect(201);
  });
});
