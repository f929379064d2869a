/** Histories of which someone has taken events away, or into which someone has put what cannot be read. */
import { randomUUID } from 'node:crypto';
import { AuditReviews } from '../../src/application/audit/reviews.js';
import { CompareExecutions, CompareExecutionsHandler } from '../../src/application/history/compare-executions.js';
import { GetDiff, GetDiffHandler } from '../../src/application/history/get-diff.js';
import { GetEvents, GetEventsHandler } from '../../src/application/history/get-events.js';
import { GetPastExecution, GetPastExecutionHandler } from '../../src/application/history/get-past-execution.js';
import { HistoryDamaged, LogUnavailable } from '../../src/application/log/event-log.js';
import type { EventsAsked, ReadModel } from '../../src/application/queries/read-model.js';
import { NotFound } from '../../src/application/runtime/errors.js';
import { DamageWatch } from '../../src/application/saga/damage-watch.js';
import { DamageReports } from '../../src/application/workflow/damage-reports.js';
import { Histories } from '../../src/application/workflow/histories.js';
import { workflowStream } from '../../src/domain/workflow/index.js';
import { InMemoryDamagedHistories } from '../support/in-memory.damaged-histories.js';
import { answers, CountingIds, EXECUTION, onDemand, step, world } from '../support/saga-world.js';

const STREAM = workflowStream(EXECUTION);
const OTHER = '22222222-2222-4222-8222-222222222222';
const MINUTE = 60_000;
const never = () => new Promise<never>(() => undefined);

/** A world in which damage is recorded; each instance knows from the log alone what it has not seen itself. */
const damagedWorld = (behave: Parameters<typeof world>[1]) => {
  const w = world([step('a', { timeoutMs: 30 * MINUTE }), step('b', { timeoutMs: 30 * MINUTE })], behave);
  const damaged = new InMemoryDamagedHistories();
  const lines: string[] = [];
  const note = (_level: string, line: string) => void lines.push(line);
  const failed = (message: string) => void w.errors.push(message);
  const reports = new DamageReports(damaged, w.clock, note, failed);
  const histories = new Histories(w.log, damaged, (error) => reports.found(error));
  const instance = (name: string) => {
    const made = w.instance(name, {}, undefined, undefined, histories);
    const ports = { log: w.log, clock: w.clock, ids: new CountingIds('8'), damaged, reports, ...made };
    return { ...made, watch: new DamageWatch(ports, (message, error) => failed(`${message}: ${String(error)}`)) };
  };
  /** As the read tables do. */
  const record = async (executionId = EXECUTION) => {
    const { revision, position } = (await w.history(executionId)).at(-1)!;
    damaged.recorded.set(executionId, { revision, position });
  };
  return { ...w, damaged, reports, lines, histories, instance, record };
};

const completed = async () => {
  const w = damagedWorld(async () => answers({ said: 'hello' }));
  await w.instance('w1').saga.submit(EXECUTION, w.start());
  await w.clock.pass(MINUTE);
  expect(await w.state()).toBe('completed');
  await w.record();
  return w;
};
type World = Awaited<ReturnType<typeof completed>>;

const harm: readonly (readonly [string, string, (w: World) => unknown])[] = [
  ['cut at its beginning', 'truncated', ({ log }) => log.truncate(STREAM, 2n)],
  ['deleted', 'gone', ({ log }) => log.truncate(STREAM, 'all')],
  ['cut behind its end', 'gone', ({ log }) => log.truncate(STREAM, 50n)],
  ['tombstoned', 'tombstoned', ({ log }) => log.tombstone(STREAM)],
];

const page = (more: Partial<EventsAsked> = {}): EventsAsked => ({
  ...{ order: 'asc', afterRevision: null, beforeRevision: null, types: null, limit: 2 },
  ...more,
});
const events = ({ histories }: World, more: Partial<EventsAsked> = {}) =>
  new GetEventsHandler({} as ReadModel, histories).execute(new GetEvents(EXECUTION, 'log', page(more)));

const reads: readonly (readonly [string, (w: World) => Promise<unknown>])[] = [
  ['events from the first on', (w) => events(w)],
  ['events from the last on', (w) => events(w, { order: 'desc' })],
  ['a page of events from the middle', (w) => events(w, { afterRevision: 3n })],
  ['a page of events beyond the end', (w) => events(w, { afterRevision: 60n })],
  ['events of one type', (w) => events(w, { types: ['WorkflowCompleted'] })],
  [
    'the state at a revision',
    ({ histories, clock }) => {
      const asked = new GetPastExecution(EXECUTION, { steps: true, events: true }, { revision: 3n });
      return new GetPastExecutionHandler(histories, clock).execute(asked);
    },
  ],
  ['what changed', ({ histories }) => new GetDiffHandler(histories).execute(new GetDiff(EXECUTION, null, 3n))],
  [
    'a comparison',
    ({ histories }) => new CompareExecutionsHandler(histories).execute(new CompareExecutions(EXECUTION, EXECUTION)),
  ],
  ['the whole history', ({ histories }) => histories.read(EXECUTION)],
  [
    'a review',
    ({ log, clock, histories, order }) => {
      const { context } = order({ type: 'PauseWorkflow', data: {} });
      const request = { throughRevision: 3, outcome: 'accepted', reason: 'read' } as const;
      return new AuditReviews(log, clock, undefined, histories).record(EXECUTION, request, context);
    },
  ],
  ['a command', (w) => w.instance('w2').saga.submit(EXECUTION, w.order({ type: 'CancelWorkflow', data: {} }))],
];

describe.each(harm)('a history that was %s', (_what, damage, hurt) => {
  test.each(reads)('is damaged, says %s', async (_name, read) => {
    const w = await completed();
    await read(w).catch((error: unknown) => error);
    expect(await w.damaged.count()).toBe(0);
    const length = w.log.length;
    await hurt(w);
    const after = w.log.length;
    await expect(read(w)).rejects.toMatchObject({ damage, stream: STREAM });
    await expect(read(w)).rejects.toBeInstanceOf(HistoryDamaged);
    expect(w.log.length).toBe(after);
    expect(after).toBeLessThanOrEqual(length + 1);
    expect(await w.damaged.list(null, 10)).toMatchObject([{ executionId: EXECUTION, damage }]);
    expect(w.lines).toEqual([expect.stringContaining(`Execution ${EXECUTION} is held back, its history is damaged:`)]);
  });

  test('ends nothing but its own execution, and no instance tries it again', async () => {
    const first = onDemand();
    const w = damagedWorld(({ input }) =>
      input.execution_id === EXECUTION ? first.behave() : Promise.resolve(answers()),
    );
    const { saga, watch } = w.instance('w1');
    watch.start('start');
    await saga.submit(EXECUTION, w.start());
    await w.clock.pass(1_000);
    await w.record();
    await hurt(w);
    await w.clock.pass(1_000);
    if (damage === 'tombstoned') await saga.onForeignEvent(EXECUTION, w.log.eventAt(w.log.length - 1));
    expect(w.lines).toHaveLength(1);
    const before = w.log.length;

    first.answer(answers({ late: 'yes' }));
    await saga.submit(OTHER, w.start(OTHER));
    await w.clock.pass(10 * MINUTE);
    expect(await w.state(OTHER)).toBe('completed');
    const added = Array.from({ length: w.log.length - before }, (_, index) => w.log.eventAt(before + index).stream);
    expect(new Set(added)).toEqual(new Set([workflowStream(OTHER)]));
    expect(w.lines).toHaveLength(1);
    expect(w.errors).toEqual([]);
    await watch.stop();
  });
});

test('a history that was cut and given back goes on by itself', async () => {
  const first = onDemand();
  const w = damagedWorld(() => first.behave());
  const { saga, watch } = w.instance('w1');
  watch.start('start');
  await saga.submit(EXECUTION, w.start());
  await w.record();
  await w.log.truncate(STREAM, 1n);
  await w.clock.pass(1_000);
  const pause = w.order({ type: 'PauseWorkflow', data: {} });
  await expect(saga.submit(EXECUTION, pause)).rejects.toMatchObject({ damage: 'truncated' });
  await w.log.truncate(STREAM, 0n);
  await w.clock.pass(1_000);
  expect(w.lines.at(-1)).toContain('its history is whole again');
  first.answer(answers());
  await w.clock.pass(MINUTE);
  expect(await w.state()).toBe('completed');
  await watch.stop();
});

test('a history that an operator restored unseen is found whole a minute later', async () => {
  const w = await completed();
  const { watch } = w.instance('w2');
  await w.log.truncate(STREAM, 2n);
  await expect(w.histories.read(EXECUTION)).rejects.toBeInstanceOf(HistoryDamaged);
  const head = (await w.log.head()) as bigint;
  await w.log.truncate(STREAM, 0n);
  watch.start(head + 1_000n);
  await w.clock.pass(2 * MINUTE);
  expect(await w.damaged.count()).toBe(0);
  await watch.stop();
});

test('a start that is repeated after the stream was deleted appends nothing', async () => {
  const w = await completed();
  await w.log.truncate(STREAM, 'all');
  const { workflows, saga } = w.instance('w2');
  expect(await workflows.isRecorded(EXECUTION)).toBe(true);
  const length = w.log.length;
  await expect(saga.submit(EXECUTION, w.start())).rejects.toMatchObject({ damage: 'gone' });
  expect(w.log.length).toBe(length);
});

test('an append that lands behind events that are hidden is no start', async () => {
  const w = await completed();
  await w.log.truncate(STREAM, 'all');
  const { saga } = w.instance('w2');
  await expect(saga.submit(EXECUTION, w.start(), { isNew: true })).rejects.toMatchObject({ damage: 'gone' });
  expect(w.lines).toHaveLength(1);
});

test('a log that has not come as far as the read tables is behind, and says nothing of the history', async () => {
  const w = damagedWorld(never);
  w.damaged.recorded.set(EXECUTION, { revision: 3n, position: 999_999n });
  await expect(w.histories.read(EXECUTION)).rejects.toBeInstanceOf(LogUnavailable);
  expect(await w.damaged.count()).toBe(0);
});

test('an execution that was never there is not damaged', async () => {
  const w = await completed();
  const asked = new GetEvents(OTHER, 'log', page());
  await expect(new GetEventsHandler({} as ReadModel, w.histories).execute(asked)).rejects.toBeInstanceOf(NotFound);
  expect(await w.histories.begins(OTHER)).toBe(false);
  expect(await w.damaged.count()).toBe(0);
});

test('an event of a known type that is not what it should be holds its execution back, once', async () => {
  const w = damagedWorld(never);
  const { saga, watch } = w.instance('w1');
  watch.start('start');
  await saga.submit(EXECUTION, w.start(EXECUTION, false));
  const { revision } = await w.log.read(STREAM);
  const event = { id: randomUUID(), type: 'StepStarted', data: { attempt: 'first' }, metadata: {} };
  await w.log.append(STREAM, [event], revision);
  const cancel = w.order({ type: 'CancelWorkflow', data: {} });
  for (const one of [saga, w.instance('w2').saga])
    await expect(one.submit(EXECUTION, cancel)).rejects.toMatchObject({ damage: 'unreadable', revision: 1n });
  await saga.wake(EXECUTION);
  await w.clock.pass(10 * MINUTE);
  expect(w.lines).toEqual([expect.stringContaining('Event 1 (StepStarted) cannot be applied')]);
  expect(w.errors).toEqual([]);
  await watch.stop();
});
