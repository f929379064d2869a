/** What the application is asked to do while its server is faulty. */
import { randomUUID } from 'node:crypto';
import { AGENT_STREAM_PREFIX } from '../../src/domain/agent/hold.js';
import { WEBHOOK_STREAM_PREFIX } from '../../src/domain/webhook/webhook.js';
import { workflowStream } from '../../src/domain/workflow/index.js';
import { AUDITED_PREFIXES, TREE_HEAD_STREAM } from '../../src/application/audit/audited-log.js';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { Workflows } from '../../src/application/workflow/workflows.js';
import { SystemClock } from '../../src/infrastructure/system/clock-and-ids.js';
import type { Reply } from '../e2e/support/api.js';
import { eventually } from '../support/eventually.js';
import type { Mode } from '../support/faulty-server/modes.js';
import { wrongVerdict, type Outcome } from './verdict.js';
import { DOCUMENT_TYPE, SPARE_AGENT, type World } from './world.js';

type Prepared = Readonly<{
  /** While the server is faulty. */
  give: () => Promise<unknown>;
  /** When it no longer is. @throws what is wrong */
  check: (mode: Mode) => Promise<void>;
  /** Of what a client ordered: how it was answered, and how often the log has it. */
  outcome?: () => Promise<Outcome>;
}>;

/** Makes everything ready for it, with a server that works. */
type Order = (world: World) => Promise<Prepared>;

const START = { document_type: DOCUMENT_TYPE, triggered_by: 'ann' };
const PATIENT = { deadlineMs: 30_000 };

const project = (script: 'ok' | 'hold' | 'fail' | 'later'): string => `${script}-${randomUUID()}`;

/** A busy machine may need more than one try. */
const startOf = ({ api }: World, project_id: string, more: object = {}): Promise<string> =>
  eventually(async () => {
    const body = { ...START, project_id, ...more };
    const { status, body: reply } = await api.post('/api/v1/workflow/start', body, { 'idempotency-key': project_id });
    if (status !== 201) throw new Error(`start: ${status} ${JSON.stringify(reply)}`);
    return reply.data.execution.id as string;
  }, PATIENT);

/** A running execution whose first step waits for its agent. */
const held = async (world: World): Promise<string> => {
  const id = await startOf(world, project('hold'));
  await eventually(() => world.agent.holds(id), PATIENT);
  return id;
};

const eventsOf = async ({ truth }: World, id: string): Promise<readonly RecordedEvent[]> =>
  (await truth.read(workflowStream(id))).events;

const countOf = async (world: World, id: string, type: string): Promise<number> =>
  (await eventsOf(world, id)).filter((event) => event.type === type).length;

type Asked = Readonly<{
  send: (idempotencyKey: string) => Promise<Reply>;
  /** How often the log has it. */
  kept: () => Promise<number>;
  /** Has the execution end, so that all of it can be checked. */
  finish: () => Promise<unknown>;
}>;

/** An order of a client, which repeats it under the same key when it got no clear answer. */
const asked = ({ send, kept, finish }: Asked): Prepared => {
  const key = randomUUID();
  let reply: Reply | undefined;
  const outcome = async () => ({ reply: await eventually(() => reply ?? false, PATIENT), kept: await kept() });
  return {
    give: async () => (reply = await send(key)),
    outcome,
    check: async (mode) => {
      const wrong = wrongVerdict(await outcome(), mode);
      await eventually(async () => {
        const again = await send(key);
        if (again.status >= 300) throw new Error(`repeated: ${again.status} ${JSON.stringify(again.body)}`);
      }, PATIENT);
      const times = await kept();
      await finish();
      if (times !== 1) throw new Error(`repeated under the same key: the log has it ${times} times`);
      if (wrong) throw new Error(wrong);
    },
  };
};

const start: Order = async (world) => {
  const project_id = project('ok');
  const started = async () =>
    (await logOf(world)).filter(
      ({ type, data }) => type === 'WorkflowStarted' && (data as { projectId: string }).projectId === project_id,
    );
  return asked({
    send: (key) => world.api.post('/api/v1/workflow/start', { ...START, project_id }, { 'idempotency-key': key }),
    kept: async () => (await started()).length,
    finish: async () => world.api.reaches(workflowIdOf((await started())[0]!), 'completed'),
  });
};

const PAGE = 1_000;

/** All of the log. */
export const logOf = async ({ truth }: World): Promise<readonly RecordedEvent[]> => {
  const events: RecordedEvent[] = [];
  for (;;) {
    const page = await truth.page(events.at(-1)?.position ?? 'start', PAGE);
    events.push(...page);
    if (page.length < PAGE) return events;
  }
};

const workflowIdOf = ({ stream }: RecordedEvent) => stream.replace(workflowStream(''), '');

type Action = 'pause' | 'resume' | 'retry' | 'cancel';

/** Under one Idempotency-Key the client sends the same body. */
const control =
  ({ api }: World, id: string, action: Action, more: object = {}) =>
  (key: string): Promise<Reply> =>
    api.post('/api/v1/workflow/control', { execution_id: id, action, ...more }, { 'idempotency-key': key });

const pause: Order = async (world) => {
  const id = await held(world);
  return asked({
    send: control(world, id, 'pause'),
    kept: () => countOf(world, id, 'WorkflowPaused'),
    finish: async () => {
      await eventually(async () => (await world.api.control(id, 'resume')).status === 200, PATIENT);
      world.agent.release(id);
      return world.api.reaches(id, 'completed');
    },
  });
};

const resume: Order = async (world) => {
  const id = await held(world);
  await eventually(async () => (await world.api.control(id, 'pause')).status === 200, PATIENT);
  return asked({
    send: control(world, id, 'resume'),
    kept: () => countOf(world, id, 'WorkflowResumed'),
    finish: () => {
      world.agent.release(id);
      return world.api.reaches(id, 'completed');
    },
  });
};

const retry: Order = async (world) => {
  const id = await startOf(world, project('fail'));
  const { steps } = await world.api.reaches(id, 'failed');
  return asked({
    send: control(world, id, 'retry', { step_id: steps[0].id }),
    kept: () => countOf(world, id, 'StepRetryRequested'),
    finish: () => world.api.reaches(id, 'completed'),
  });
};

const cancel: Order = async (world) => {
  const id = await held(world);
  return asked({
    send: control(world, id, 'cancel'),
    kept: () => countOf(world, id, 'WorkflowCancelled'),
    finish: () => world.api.reaches(id, 'cancelled'),
  });
};

const executeStep: Order = async (world) => {
  const id = await startOf(world, project('ok'), { auto_execute: false });
  const execute = (mode: 'next_step' | 'remaining', key: string) =>
    world.api.post('/api/v1/workflow/execute', { execution_id: id, mode }, { 'idempotency-key': key });
  return asked({
    send: (key) => execute('next_step', key),
    kept: () => countOf(world, id, 'NextStepRequested'),
    finish: async () => {
      await world.api.reaches(id, 'first_completed');
      await eventually(async () => (await execute('remaining', `rest-${id}`)).status === 200, PATIENT);
      return world.api.reaches(id, 'completed');
    },
  });
};

/** What nobody asked for goes on by itself. */
const completes = async (world: World, id: string): Promise<void> => {
  await world.api.reaches(id, 'completed', PATIENT.deadlineMs);
  const completed = await countOf(world, id, 'StepCompleted');
  if (completed !== 2) throw new Error(`two steps were completed ${completed} times`);
};

const stepResult: Order = async (world) => {
  const id = await held(world);
  return { give: async () => world.agent.release(id), check: () => completes(world, id) };
};

/** The step waits for its next attempt, which comes due while the server is faulty. */
const timer: Order = async (world) => {
  const id = await startOf(world, project('later'));
  await eventually(async () => (await countOf(world, id, 'StepFailed')) === 1, PATIENT);
  return { give: async () => undefined, check: () => completes(world, id) };
};

const holdAgent: Order = async (world) => {
  const act = (verb: 'hold' | 'release') => (key: string) =>
    world.api.post(
      `/api/v1/workflow/agents/${SPARE_AGENT}/${verb}`,
      { actor_id: 'ann', reason: 'a trial' },
      { 'idempotency-key': key },
    );
  const holds = async () => {
    const { events } = await world.truth.read(`${AGENT_STREAM_PREFIX}${SPARE_AGENT}`);
    return events.filter(({ type }) => type === 'AgentHeld').length;
  };
  const before = await holds();
  return asked({
    send: act('hold'),
    kept: async () => (await holds()) - before,
    finish: () => eventually(async () => (await act('release')(randomUUID())).status === 200, PATIENT),
  });
};

const subscribe: Order = async (world) => {
  const project_id = project('ok');
  const url = `${world.receiver.url}/${project_id}`;
  const kept = async () =>
    (await logOf(world)).filter(
      ({ stream, type, data }) =>
        stream.startsWith(WEBHOOK_STREAM_PREFIX) &&
        type === 'WebhookSubscribed' &&
        JSON.stringify(data).includes(project_id),
    ).length;
  return asked({
    send: (key) => world.api.post('/api/v1/workflow/webhooks', { url, project_id }, { 'idempotency-key': key }),
    kept,
    finish: async () => {
      const id = await startOf(world, project_id);
      await world.api.reaches(id, 'completed');
      const expected = (await eventsOf(world, id)).map(({ revision }) => revision.toString());
      const heard = () =>
        world.receiver
          .taken()
          .filter(({ path }) => path.includes(project_id))
          .map(({ body }) => String(body.data.revision));
      await eventually(() => {
        if (heard().join() !== expected.join())
          throw new Error(`the receiver has ${heard().join()}, not ${expected.join()}`);
      }, PATIENT);
    },
  });
};

/** Another instance, whose line to the log is good, cancels an execution. */
const cancelElsewhere = async (world: World) => {
  const id = await startOf(world, project('ok'), { auto_execute: false });
  const clock = new SystemClock();
  const other = new Workflows(world.truth, clock, { cachedExecutions: 0 });
  const context = {
    ...{ commandId: randomUUID(), at: clock.now(), actor: { type: 'user', id: 'ann' } as const, reason: null },
    ...{ causationId: null, traceparent: null },
  };
  return { id, cancel: () => other.execute(id, { command: { type: 'CancelWorkflow', data: {} }, context }) };
};

const projection: Order = async (world) => {
  const { id, cancel: give } = await cancelElsewhere(world);
  return { give, check: async () => void (await world.api.reaches(id, 'cancelled', PATIENT.deadlineMs)) };
};

/** New events come to be signed while the server is faulty. */
const auditCheckpoint: Order = async (world) => {
  const { cancel: give } = await cancelElsewhere(world);
  const check = async () => {
    const events = await logOf(world);
    const leaves = events.filter(({ stream }) => AUDITED_PREFIXES.some((prefix) => stream.startsWith(prefix))).length;
    const sizes = events.filter(({ stream }) => stream === TREE_HEAD_STREAM).map(({ data }) => treeSizeOf(data));
    if (sizes.some((size, index) => index > 0 && size <= sizes[index - 1]!))
      throw new Error(`tree heads do not grow: ${sizes.join(', ')}`);
    if (sizes.at(-1) !== leaves) throw new Error(`the last tree head covers ${sizes.at(-1)} of ${leaves} events`);
  };
  return { give, check: () => eventually(check, PATIENT) };
};

const treeSizeOf = (data: unknown): number => (data as { tree_size: number }).tree_size;

/** From the read tables and from the log. */
const readHistory: Order = async (world) => {
  const id = await startOf(world, project('ok'));
  await world.api.reaches(id, 'completed');
  const expected = (await eventsOf(world, id)).map(({ id: event }) => event);
  const replies: Reply[] = [];
  const read = async () => {
    const events = await world.api.get(`/api/v1/workflow/${id}/events?limit=1000`);
    const then = await world.api.get(`/api/v1/workflow?execution_id=${id}&at_revision=1`);
    const pack = await world.api.get(`/api/v1/workflow/${id}/audit-pack`);
    if (events.status === 200) {
      const got = events.body.data.events.map(({ id: event }: { id: string }) => event);
      if (got.join() !== expected.join()) throw new Error(`the history has ${got.length} of ${expected.length} events`);
    }
    return [events, then, pack];
  };
  let failure: Error | undefined;
  return {
    give: async () => {
      await read().then(
        (read) => void replies.push(...read),
        (error: Error) => void (failure = error),
      );
    },
    check: async () => {
      if (failure) throw failure;
      const strange = replies.find(({ status }) => status !== 200 && status !== 503);
      if (strange) throw new Error(`answered ${strange.status} ${JSON.stringify(strange.body)}`);
      await eventually(async () => {
        const statuses = (await read()).map(({ status }) => status);
        if (statuses.some((status) => status !== 200)) throw new Error(`still answers ${statuses.join(', ')}`);
      }, PATIENT);
    },
  };
};

/** In the order in which they are prepared: the timer last, as its time runs. */
export const ORDERS = {
  start,
  pause,
  resume,
  retry,
  cancel,
  'execute-step': executeStep,
  "a step's result": stepResult,
  'hold of an agent': holdAgent,
  'webhook subscription': subscribe,
  'audit checkpoint': auditCheckpoint,
  'projection following': projection,
  'reads of history': readHistory,
  timer,
} satisfies Record<string, Order>;

export type OrderName = keyof typeof ORDERS;
