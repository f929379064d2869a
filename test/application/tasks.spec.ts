/** Reports under a task token, over fakes at the ports: who runs what, in how many appends, and who sees what late. */
import { deferred } from '../../src/application/agents/agents.js';
import { ReportTask, ReportTaskHandler } from '../../src/application/commands/report-task.js';
import { AttemptOver, NotFound } from '../../src/application/runtime/errors.js';
import { parseMetadata } from '../../src/application/log/envelope.js';
import { AppendRefused, LogUnavailable } from '../../src/application/log/event-log.js';
import { stepId } from '../../src/application/log/ids.js';
import { Results } from '../../src/application/saga/results.js';
import { TaskReports, type AttemptRef, type TaskReport } from '../../src/application/workflow/tasks.js';
import type { JsonObject } from '../../src/domain/json.js';
import { HmacTaskTokens } from '../../src/infrastructure/agents/agent-task-reports.js';
import { answers, CountingIds, EXECUTION, lineTo, onDemand, step, world } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';

const tokens = new HmacTaskTokens(Buffer.alloc(32, 1));
const first: AttemptRef = { executionId: EXECUTION, step: 'a', attempt: 1 };

/** Says what the test says. */
class SpokenReports extends TaskReports {
  read(body: JsonObject): TaskReport {
    return body as unknown as TaskReport;
  }
}

const steps = [step('a', { heartbeatTimeoutMs: 10_000 }), step('b')];
const begin = async (behave: Parameters<typeof world>[1], defined = steps) => {
  const w = world(defined, behave);
  const instance = (...given: Parameters<typeof w.instance>) => {
    const { saga, workflows } = w.instance(...given);
    const results = new Results(w.artifacts, { inlineOutputBytes: 1_000, maxAppendBytes: w.log.maxAppendBytes });
    const ids = new CountingIds('d');
    const handler = new ReportTaskHandler(tokens, new SpokenReports(), workflows, saga, results, ids, w.clock);
    const report = (body: TaskReport, ref = first) =>
      handler.execute(new ReportTask(tokens.issue(ref), body as unknown as JsonObject, null));
    return { saga, workflows, report };
  };
  return { ...w, instance };
};

const byToken = async () => deferred;
const complete: TaskReport = {
  type: 'complete',
  reply: { success: true, data: { a: 'done' }, metadata: {}, artifacts: [] },
};
const beat: TaskReport = { type: 'heartbeat', percent: null, message: null };
const over = (reason: string) => expect.objectContaining({ reason }) as AttemptOver;

test('the completion and the next start are one append, whichever instance takes the report', async () => {
  const w = await begin(async ({ input }) => (input.step === 'a' ? deferred : answers()));
  await w.instance('w1').saga.submit(EXECUTION, w.start());
  await settle();
  let appends = 0;
  const append = w.log.append.bind(w.log);
  w.log.append = (...given) => (appends++, append(...given));
  expect(await w.instance('w2').report(complete)).toEqual({ continue: false });
  await settle();
  expect(appends).toBe(2);
  expect((await w.types()).slice(3)).toEqual(['StepCompleted', 'StepStarted', 'StepCompleted', 'WorkflowCompleted']);
  expect((await w.dataOf('StepStarted')).map(({ worker }) => worker)).toEqual(['w1', 'w2']);
});

test('a deferred attempt takes no slot: with one slot any number of them wait', async () => {
  const w = await begin(byToken);
  const { saga } = w.instance('w1', { concurrentSteps: 1 });
  const executions = [1, 2, 3].map((n) => `11111111-1111-4111-8111-00000000000${n}`);
  for (const id of executions) await saga.submit(id, w.start(id));
  await settle();
  for (const id of executions) expect((await w.types(id)).at(-1)).toBe('StepDeferred');
});

test('an instance that ends leaves deferred attempts alone, and takes reports to its end without new work', async () => {
  const w = await begin(byToken);
  const { saga, report } = w.instance('w1');
  await saga.submit(EXECUTION, w.start());
  await settle();
  await saga.stop(0);
  expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'StepDeferred']);
  await report(complete);
  expect((await w.types()).slice(3)).toEqual(['StepCompleted']);
});

test('a heartbeat that another instance took is not missed by the one whose timer goes off', async () => {
  const w = await begin(byToken);
  await w.instance('w1').saga.submit(EXECUTION, w.start());
  const { report } = w.instance('w2');
  for (let second = 1; second <= 40; second++) {
    await w.clock.pass(1_000);
    expect(await report(beat)).toMatchObject({ continue: true });
  }
  expect(await w.types()).not.toContain('StepFailed');
  // Then silence: whoever notices it first says so, once.
  await w.clock.pass(10_999);
  expect(await w.types()).not.toContain('StepFailed');
  await w.clock.pass(1);
  expect(await w.dataOf('StepFailed')).toMatchObject([{ error: { code: 'HEARTBEAT_TIMEOUT' } }]);
  await expect(report(beat)).rejects.toEqual(over('failed'));
});

test('an instance that has not seen the deferral does not take the attempt from the agent', async () => {
  const agent = onDemand();
  const w = await begin(() => agent.behave().then(() => deferred));
  const [w1, w2] = [w.instance('w1'), w.instance('w2')];
  await w1.saga.submit(EXECUTION, w.start());
  await w2.workflows.load(EXECUTION);
  agent.answer(answers());
  await settle();
  w2.saga.aliveWorkers(new Set(['w2']));
  await w2.saga.wake(EXECUTION);
  expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'StepDeferred']);
});

test('a report that is faster than the 202 ends the call; what the call brings then is nothing', async () => {
  const agent = onDemand();
  const w = await begin(({ input }) =>
    input.step === 'a' ? agent.behave().then(() => deferred) : Promise.resolve(answers()),
  );
  const { saga, report } = w.instance('w1');
  await saga.submit(EXECUTION, w.start());
  expect(await report(beat)).toMatchObject({ continue: true, heartbeatDueAt: null });
  expect(await report(complete)).toEqual({ continue: false });
  expect(w.agents.calls[0]?.signal.aborted).toBe(true);
  agent.answer(answers());
  await settle();
  expect(await w.types()).not.toContain('StepDeferred');
  expect(await w.state()).toBe('completed');
  expect(w.errors).toEqual([]);
});

test('a report that the log did not take may be made again: it counts once', async () => {
  const w = await begin(byToken);
  const { saga, report } = w.instance('w1');
  await saga.submit(EXECUTION, w.start());
  await settle();
  const append = w.log.append.bind(w.log);
  w.log.append = async () => {
    throw new LogUnavailable('away');
  };
  const refused = expect(report(complete)).rejects.toThrow(LogUnavailable);
  await w.clock.pass(10_000);
  await refused;
  w.log.append = append;
  expect(await report(complete)).toEqual({ continue: false });
  expect(await report(complete)).toEqual({ continue: false });
  expect(await w.dataOf('StepCompleted')).toHaveLength(1);
});

describe('a result that is reported while the log is away', () => {
  const away = async () => {
    const w = await begin(byToken, [step('a', { timeoutMs: 60_000 }), step('b')]);
    await w.instance('w1').saga.submit(EXECUTION, w.start());
    await settle();
    const line = lineTo(w.log);
    const { report } = w.instance('w2', {}, undefined, line.line);
    return { w, line, report };
  };

  test.each([
    ['reads and appends fail', false],
    ['this instance knows the execution', true],
  ])('is not acknowledged, and recorded all the same: %s', async (_, isKnown) => {
    const { w, line, report } = await away();
    if (isKnown) await report(beat);
    line.isAway = true;
    const refused = expect(report(complete)).rejects.toThrow(LogUnavailable);
    await w.clock.pass(10_000);
    await refused;
    expect(w.files.texts.size).toBe(1);
    await w.clock.pass(30_000);
    line.isAway = false;
    await w.clock.pass(10_000);
    expect(await w.dataOf('StepCompleted')).toMatchObject([{ step: 'a', output: { a: 'done' } }]);
    expect(w.files.texts.size).toBe(0);
    expect(await report(complete)).toEqual({ continue: false });
    const { actor } = parseMetadata((await w.history()).find(({ type }) => type === 'StepCompleted')?.metadata);
    expect(actor).toEqual({ type: 'agent', id: 'a' });
  });

  test('is recorded by the next process where this one is killed', async () => {
    const { w, line, report } = await away();
    line.isAway = true;
    void report(complete).catch(() => undefined);
    await w.clock.pass(10_000);
    line.isDead = true;
    await w.instance('w3').saga.begin();
    await w.clock.pass(1_000);
    expect(await w.dataOf('StepCompleted')).toMatchObject([{ step: 'a', attempt: 1 }]);
  });
});

test('a result that does not fit into the log fails the step, as a direct answer does', async () => {
  const w = await begin(byToken);
  const { saga, report } = w.instance('w1');
  await saga.submit(EXECUTION, w.start());
  await settle();
  const append = w.log.append.bind(w.log);
  w.log.append = async (stream, events, expected) => {
    if (events.some(({ type }) => type === 'StepCompleted')) throw new AppendRefused('too-large', 'at most 10 bytes');
    return append(stream, events, expected);
  };
  expect(await report(complete)).toEqual({ continue: false });
  expect(await w.dataOf('StepFailed')).toMatchObject([{ error: { code: 'RESULT_TOO_LARGE' } }]);
});

test('who comes too late is told so, also where its report is what lets the next attempt begin', async () => {
  const w = await begin(byToken);
  const [w1, w2] = [w.instance('w1'), w.instance('w2')];
  await w1.saga.submit(EXECUTION, w.start());
  await settle();
  await w2.report(beat);
  const error = { type: 'transient', code: 'BUSY', message: 'not now' } as const;
  await w1.report({ type: 'fail', reply: { success: false, error, retryAfterMs: 5_000 } });
  await w1.saga.stop(0);
  await w.clock.pass(6_000);
  await expect(w2.report(complete)).rejects.toEqual(over('replaced'));
  // The new attempt goes on from there.
  expect((await w.types()).slice(4, 6)).toEqual(['StepFailed', 'StepStarted']);
});

test('files of an attempt that is over are not kept', async () => {
  const w = await begin(byToken);
  const { saga, report } = w.instance('w1');
  await saga.submit(EXECUTION, w.start());
  await settle();
  await saga.submit(EXECUTION, w.order({ type: 'RetryStep', data: { stepId: stepId(EXECUTION, 'a') } }));
  const artifacts = [{ name: 'a.txt', contentType: 'text/plain', content: Buffer.from('a') }];
  const withFile: TaskReport = { type: 'complete', reply: { success: true, data: {}, metadata: {}, artifacts } };
  await expect(report(withFile)).rejects.toEqual(over('replaced'));
  expect(w.artifacts.stored.size).toBe(0);
});

test('a token of an execution, a step or an attempt that there is not is no task, or over', async () => {
  const w = await begin(byToken);
  const { saga, report } = w.instance('w1');
  await saga.submit(EXECUTION, w.start());
  await settle();
  const elsewhere = { ...first, executionId: '99999999-9999-4999-8999-999999999999' };
  await expect(report(beat, elsewhere)).rejects.toThrow(NotFound);
  await expect(report(beat, { ...first, step: 'z' })).rejects.toThrow(NotFound);
  await expect(report(complete, { ...first, step: 'b' })).rejects.toThrow(AttemptOver);
  expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'StepDeferred']);
});
