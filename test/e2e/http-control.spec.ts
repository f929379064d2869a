/** Each verb in each state, over HTTP, against the whole application. */
import { eventually } from '../support/eventually.js';
import { scriptedApp } from './support/scripted-app.js';
import type { Script } from './support/scripted-agents.js';

const VERBS = ['pause', 'resume', 'retry', 'cancel', 'next_step', 'remaining'] as const;
type Verb = (typeof VERBS)[number];

/** `changes`: accepted, with events; `nothing`: accepted without an event, as the state is already so; `conflict`: 409. */
type Effect = 'changes' | 'nothing' | 'conflict';
type Scene = Readonly<{
  script?: Script;
  autoExecute: boolean;
  /** Brings the execution into the scene's state after the start, and resolves when it is there. */
  arrange: (id: string) => Promise<unknown>;
  state: string;
  effects: Readonly<Record<Verb, Effect>>;
}>;

const world = scriptedApp();

const order = async (id: string, verb: Verb) => {
  if (verb === 'next_step' || verb === 'remaining') {
    return world.api.post('/api/v1/workflow/execute', { execution_id: id, mode: verb, actor_id: 'ann' });
  }
  const { steps } = await world.api.details(id);
  return world.api.control(id, verb, verb === 'retry' ? { step_id: steps[0].id } : {});
};

const effects = (
  pause: Effect,
  resume: Effect,
  retry: Effect,
  cancel: Effect,
  next_step: Effect,
  remaining: Effect,
): Scene['effects'] => ({ pause, resume, retry, cancel, next_step, remaining });

const scenes: Readonly<Record<string, Scene>> = {
  created: {
    autoExecute: false,
    arrange: (id) => world.api.reaches(id, 'created'),
    state: 'created',
    effects: effects('changes', 'nothing', 'conflict', 'changes', 'changes', 'changes'),
  },
  running: {
    script: { enrich: 'hold' },
    autoExecute: true,
    arrange: (id) => world.api.reaches(id, 'enriching'),
    state: 'enriching',
    effects: effects('changes', 'nothing', 'changes', 'changes', 'conflict', 'nothing'),
  },
  'between two steps': {
    autoExecute: false,
    arrange: async (id) => {
      await order(id, 'next_step');
      await world.api.reaches(id, 'enriched');
    },
    state: 'enriched',
    effects: effects('changes', 'nothing', 'conflict', 'changes', 'changes', 'changes'),
  },
  'waiting for the next attempt': {
    script: { enrich: 'later' },
    autoExecute: true,
    arrange: (id) => eventually(async () => (await world.api.details(id))?.steps[0].status === 'waiting'),
    state: 'enriching',
    effects: effects('changes', 'nothing', 'changes', 'changes', 'conflict', 'nothing'),
  },
  'paused while a step runs': {
    script: { enrich: 'hold' },
    autoExecute: true,
    arrange: async (id) => {
      await order(id, 'pause');
      await world.api.reaches(id, 'paused');
    },
    state: 'paused',
    effects: effects('nothing', 'changes', 'changes', 'changes', 'conflict', 'changes'),
  },
  'paused before anything runs': {
    autoExecute: false,
    arrange: async (id) => {
      await order(id, 'pause');
      await world.api.reaches(id, 'paused');
    },
    state: 'paused',
    effects: effects('nothing', 'changes', 'conflict', 'changes', 'changes', 'changes'),
  },
  failed: {
    script: { enrich: 'validation' },
    autoExecute: true,
    arrange: (id) => world.api.reaches(id, 'failed'),
    state: 'failed',
    effects: effects('conflict', 'conflict', 'changes', 'changes', 'conflict', 'conflict'),
  },
  completed: {
    autoExecute: true,
    arrange: (id) => eventually(async () => (await world.api.eventTypes(id)).includes('WorkflowCompleted')),
    state: 'completed',
    effects: effects('conflict', 'conflict', 'conflict', 'conflict', 'conflict', 'conflict'),
  },
  cancelled: {
    autoExecute: false,
    arrange: async (id) => {
      await order(id, 'cancel');
      await world.api.reaches(id, 'cancelled');
    },
    state: 'cancelled',
    effects: effects('conflict', 'conflict', 'conflict', 'nothing', 'conflict', 'conflict'),
  },
};

const cases = Object.entries(scenes).flatMap(([name, scene]) =>
  VERBS.map((verb) => [verb, name, scene.effects[verb]] as const),
);

test.each(cases)('%s when %s: %s', async (verb, name, effect) => {
  const scene = scenes[name]!;
  const project = `${verb}.${name.replaceAll(' ', '-')}`;
  world.agents.scripts.set(project, scene.script ?? {});
  const id = await world.api.start({ project_id: project, document_type: 'ib', auto_execute: scene.autoExecute });
  await scene.arrange(id);
  const before = (await world.api.events(id)).length;

  const { status, body } = await order(id, verb);
  if (effect === 'conflict') {
    expect(status).toBe(409);
    const allowed = VERBS.filter((other) => scene.effects[other] === 'changes');
    expect(body.error).toMatchObject({ code: 'CONFLICT', details: { current_state: scene.state } });
    expect([...body.error.details.allowed_actions].sort()).toEqual(allowed.sort());
    expect(await world.api.events(id)).toHaveLength(before);
    return;
  }
  expect(status).toBe(200);
  expect(body.data.changed).toBe(effect === 'changes');
  const seen = await world.api.get(`/api/v1/workflow?execution_id=${id}&min_revision=${body.data.revision}`);
  expect(seen.body.data.behind).toBeUndefined();
  expect(Number(seen.body.data.execution.revision)).toBeGreaterThanOrEqual(Number(body.data.revision));
  const events = await world.api.events(id);
  if (effect === 'nothing') {
    expect(body.data.position).toBeNull();
    expect(events).toHaveLength(before);
  } else {
    const mine = events.slice(before)[0];
    expect(mine).toMatchObject({ actor: { type: 'user', id: 'ann' } });
  }
});
