/** Random but valid histories: commands in any order, decided by the real domain, written by the real write path. */
import fc from 'fast-check';
import { stepId } from '../../../src/application/log/ids.js';
import { Workflows } from '../../../src/application/workflow/workflows.js';
import { CommandRejected } from '../../../src/domain/decider.js';
import type { Json, JsonObject } from '../../../src/domain/json.js';
import type { OperatorCommand, StepCommand } from '../../../src/domain/workflow/commands.js';
import type { StepDefinition } from '../../../src/domain/workflow/events.js';
import { currentStep, type WorkflowState } from '../../../src/domain/workflow/state.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds, step } from '../../support/saga-world.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const verbs = [
  ...(['start', 'complete', 'fail', 'interrupt', 'defer', 'progress', 'expire'] as const),
  ...(['pause', 'resume', 'cancel', 'retry', 'next', 'remaining', 'unknown'] as const),
];

export type Move = Readonly<{
  execution: number;
  verb: (typeof verbs)[number];
  waitMs: number;
  errorType: 'transient' | 'validation' | 'fatal';
  output: JsonObject;
}>;

/** Text that neither Postgres nor JSON makes easy. */
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('ünï', '{"a":1}', "'; --", '\\u0000', '\ufffd', '💥', '"'),
);
const value = fc.oneof(
  text,
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const key = fc.oneof(fc.constantFrom('sections', 'facts'), text);
const output = fc.dictionary(key, fc.oneof(value, fc.array(value, { maxLength: 3 })), { maxKeys: 3 });

export const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.record({
    execution: fc.nat(2),
    // Mostly what takes an execution further; a cancellation ends it, so it is rare.
    verb: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('start' as const, 'complete' as const) },
      {
        weight: 4,
        arbitrary: fc.constantFrom('fail' as const, 'retry' as const, 'resume' as const, 'interrupt' as const),
      },
      { weight: 4, arbitrary: fc.constantFrom('defer' as const, 'progress' as const, 'expire' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...verbs) },
    ),
    waitMs: fc.constantFrom(0, 1, 1_000, 4_000, 61_000),
    errorType: fc.constantFrom(...(['transient', 'transient', 'transient', 'validation', 'fatal'] as const)),
    output: output.map((each) => JSON.parse(JSON.stringify(each)) as JsonObject),
  }),
  { maxLength: 80, size: 'max' },
);

export const EXECUTIONS = [1, 2, 3].map((n) => `11111111-1111-4111-8111-00000000000${n}`);

const pausesSoon = { onExhausted: 'pause', retry: { ...step('a').retry, maximumAttempts: 2 } } as const;

const steps: readonly StepDefinition[] = [
  step('a', { weight: 2, heartbeatTimeoutMs: 3_000, ...pausesSoon }),
  step('b', { required: false, retry: { ...step('b').retry, maximumAttempts: 2 } }),
  step('c', pausesSoon),
];

export const playMoves = async (played: readonly Move[]): Promise<InMemoryEventLog> => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog(() => clock.now());
  const workflows = new Workflows(log, clock, { cachedExecutions: 10 });
  const ids = new CountingIds('9');
  const execute = (executionId: string, command: OperatorCommand | StepCommand) =>
    workflows.execute(executionId, {
      command,
      context: {
        commandId: ids.uuid(),
        at: clock.now(),
        actor: { type: 'user', id: 'ann' },
        reason: command.type === 'PauseWorkflow' ? 'lunch' : null,
        causationId: null,
        traceparent: null,
      },
    });
  for (const { execution, verb, waitMs, errorType, output } of played) {
    await clock.pass(waitMs);
    const executionId = EXECUTIONS[execution]!;
    const { state, revision } = await workflows.refresh(executionId);
    if (state.status === 'none') await execute(executionId, startCommand(executionId, execution !== 1));
    else if (verb === 'unknown') {
      const stranger = { id: ids.uuid(), type: 'WorkflowPraised', data: { by: 'a newer version' }, metadata: null };
      await log.append(`workflow-${executionId}`, [stranger], revision);
    } else {
      const command = commandFor(verb, state, errorType, output);
      if (command) await execute(executionId, command).catch(unlessRejected);
    }
  }
  return log;
};

const startCommand = (executionId: string, autoExecute: boolean): OperatorCommand => ({
  type: 'StartWorkflow',
  data: {
    executionId,
    projectId: 'p',
    documentType: 'demo',
    triggeredBy: autoExecute ? 'ann' : null,
    autoExecute,
    metadata: { colour: 'blue' },
    definition: { name: 'demo-generation', documentType: 'demo', steps },
    definitionHash: 'd'.repeat(64),
    stepIds: steps.map(({ name }) => stepId(executionId, name)),
    requestHash: 'r'.repeat(64),
  },
});

const commandFor = (
  verb: Exclude<Move['verb'], 'unknown'>,
  state: WorkflowState,
  type: Move['errorType'],
  output: JsonObject,
): OperatorCommand | StepCommand | null => {
  const current = state.status === 'none' ? undefined : currentStep(state);
  if (verb === 'pause') return { type: 'PauseWorkflow', data: {} };
  if (verb === 'resume') return { type: 'ResumeWorkflow', data: {} };
  if (verb === 'cancel') return { type: 'CancelWorkflow', data: {} };
  if (verb === 'next') return { type: 'ExecuteNextStep', data: {} };
  if (verb === 'remaining') return { type: 'ExecuteRemaining', data: {} };
  if (!current) return null;
  const { id, attempt } = current.step;
  const of = { stepId: id, attempt };
  if (verb === 'retry') return { type: 'RetryStep', data: { stepId: id } };
  if (verb === 'start') return { type: 'StartStep', data: { stepId: id, attempt: attempt + 1, worker: 'w1' } };
  if (verb === 'defer') return { type: 'DeferStep', data: of };
  if (verb === 'expire') return { type: 'ExpireHeartbeat', data: of };
  if (verb === 'progress') {
    const percent = typeof output['facts'] === 'number' ? Math.abs(output['facts']) % 101 : null;
    const [message = null] = Object.keys(output);
    return { type: 'ProgressStep', data: { ...of, percent, message } };
  }
  if (verb === 'interrupt') return { type: 'InterruptStep', data: { ...of, cause: 'shutdown' } };
  if (verb === 'fail') {
    const error = { type, code: 'TEST', message: `a ${type} error` };
    return { type: 'FailStep', data: { ...of, error, retryAfterMs: null } };
  }
  const file = { name: 'draft.txt', sha256: 'a'.repeat(64), bytes: attempt, contentType: 'text/plain' };
  const agentMetadata: Json = { model_used: 'none' };
  return { type: 'CompleteStep', data: { ...of, output, artifacts: [file], agentMetadata } };
};

const unlessRejected = (error: unknown): void => {
  if (!(error instanceof CommandRejected)) throw error;
};
