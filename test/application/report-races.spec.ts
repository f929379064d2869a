/** A report and any other command at the same moment, from two instances: it is as if one had come after the other. */
import fc from 'fast-check';
import { stepId } from '../../src/application/log/ids.js';
import type { CommandEnvelope } from '../../src/application/workflow/workflows.js';
import { fold, CommandRejected } from '../../src/domain/decider.js';
import type { OperatorCommand, StepCommand } from '../../src/domain/workflow/commands.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { workflow } from '../../src/domain/workflow/index.js';
import type { WorkflowState } from '../../src/domain/workflow/state.js';
import { EXECUTION, step, world } from '../support/saga-world.js';

type Asked = Exclude<OperatorCommand, { type: 'StartWorkflow' }> | StepCommand;

const a = { stepId: stepId(EXECUTION, 'a'), attempt: 1 };
const error = { type: 'transient', code: 'TEST', message: 'not now' } as const;
const reports: readonly StepCommand[] = [
  { type: 'StartStep', data: { ...a, attempt: 2, worker: 'w1' } },
  { type: 'CompleteStep', data: { ...a, output: {}, artifacts: [], agentMetadata: {} } },
  { type: 'FailStep', data: { ...a, error, retryAfterMs: null } },
  { type: 'DeferStep', data: a },
  { type: 'ProgressStep', data: { ...a, percent: 30, message: null } },
  { type: 'ExpireHeartbeat', data: a },
  { type: 'InterruptStep', data: { ...a, cause: 'worker_lost' } },
];
const operators: readonly Asked[] = [
  { type: 'PauseWorkflow', data: {} },
  { type: 'ResumeWorkflow', data: {} },
  { type: 'CancelWorkflow', data: {} },
  { type: 'RetryStep', data: { stepId: a.stepId } },
  { type: 'ExecuteNextStep', data: {} },
  { type: 'ExecuteRemaining', data: {} },
];
const pairs = reports.flatMap((one) =>
  [...reports, ...operators].map((other) => [one.type, other.type, one, other] as const),
);

/** What stands before the race, beside the attempt that was begun: what came before, and how long ago. */
const situations = fc.record({
  autoExecute: fc.boolean(),
  before: fc.array(fc.constantFrom<Asked>(...reports.slice(2), ...operators), { maxLength: 3 }),
  waitMs: fc.constantFrom(0, 1_500, 30_000),
});

/** @returns the events of both, one after the other */
const inTurn = (before: WorkflowState, orders: readonly CommandEnvelope[]): readonly WorkflowEvent[] => {
  const events: WorkflowEvent[] = [];
  for (const { command, context } of orders) {
    const state = fold({ ...workflow, initialState: before }, events);
    try {
      events.push(...workflow.decide({ ...command, at: context.at }, state));
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(CommandRejected);
    }
  }
  return events;
};

test.each(pairs)('%s and %s', async (_, __, one, other) => {
  await fc.assert(
    fc.asyncProperty(situations, async ({ autoExecute, before, waitMs }) => {
      const never = () => new Promise<never>(() => undefined);
      const w = world([step('a', { heartbeatTimeoutMs: 10_000 }), step('b')], never);
      const [first, second] = [w.instance('w1').workflows, w.instance('w2').workflows];
      const order = (command: Asked): CommandEnvelope => ({ ...w.order({ type: 'PauseWorkflow', data: {} }), command });
      const given = async (command: Asked) => {
        await first.execute(EXECUTION, order(command)).catch((thrown: unknown) => {
          expect(thrown).toBeInstanceOf(CommandRejected);
        });
      };
      await first.execute(EXECUTION, w.start(EXECUTION, autoExecute));
      if (!autoExecute) await given({ type: 'ExecuteNextStep', data: {} });
      await given({ type: 'StartStep', data: { ...a, worker: 'w1' } });
      for (const command of before) await given(command);
      await w.clock.pass(waitMs);
      // Both have read the same, so that one of two appends must meet a conflict.
      const { state } = await first.refresh(EXECUTION);
      await second.refresh(EXECUTION);
      const known = (await w.history()).length;

      const orders = [order(one), order(other)] as const;
      const ends = await Promise.allSettled([
        first.execute(EXECUTION, orders[0]),
        second.execute(EXECUTION, orders[1]),
      ]);
      for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(CommandRejected);
      const made = (await w.history()).slice(known).map(({ type, data }) => ({ type, data }));
      const [oneFirst, otherFirst] = [inTurn(state, orders), inTurn(state, [orders[1], orders[0]])];
      expect([oneFirst, otherFirst]).toContainEqual(made);
    }),
    { numRuns: 10, seed: 2 },
  );
});
