/** Every pair of operators' commands at the same moment, from two instances: one wins, the other finds what it made. */
import fc from 'fast-check';
import { OtherRevision } from '../../src/application/runtime/errors.js';
import { stepId } from '../../src/application/log/ids.js';
import { CommandRejected, fold } from '../../src/domain/decider.js';
import type { OperatorCommand } from '../../src/domain/workflow/commands.js';
import type { WorkflowEvent } from '../../src/domain/workflow/events.js';
import { workflow } from '../../src/domain/workflow/index.js';
import { EXECUTION, fails, step, world } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';
import type { Outcome } from '../../src/application/workflow/fold-cache.js';

type Control = Exclude<OperatorCommand, { type: 'StartWorkflow' }>;

const commands: readonly Control[] = [
  { type: 'PauseWorkflow', data: {} },
  { type: 'ResumeWorkflow', data: {} },
  { type: 'CancelWorkflow', data: {} },
  { type: 'RetryStep', data: { stepId: stepId(EXECUTION, 'a') } },
  { type: 'ExecuteNextStep', data: {} },
  { type: 'ExecuteRemaining', data: {} },
];
const pairs = commands.flatMap((one) => commands.map((other) => [one.type, other.type, one, other] as const));

const never = () => new Promise<never>(() => undefined);

/** What stands before the race: how it was started, how its agent behaves, what was asked before. */
const situations = fc.record({
  autoExecute: fc.boolean(),
  agent: fc.constantFrom('runs', 'fails for good', 'waits for a retry'),
  before: fc.array(fc.constantFrom(...commands), { maxLength: 3 }),
});

test.each(pairs)('%s and %s', async (_, __, one, other) => {
  await fc.assert(
    fc.asyncProperty(situations, async ({ autoExecute, agent, before }) => {
      const behave = { runs: never, 'fails for good': async () => fails('fatal') };
      const retried = async () => fails('transient', 60_000);
      const w = world([step('a'), step('b')], behave[agent as keyof typeof behave] ?? retried);
      const instances = [w.instance('w1'), w.instance('w2')];
      const submit = (index: number, command: Control) => instances[index]!.saga.submit(EXECUTION, w.order(command));
      await instances[0]!.saga.submit(EXECUTION, w.start(EXECUTION, autoExecute));
      for (const command of before) await submit(0, command).catch(expectRejection);
      await settle();
      // Both have read the same, so that one of two appends must meet a conflict.
      await Promise.all(instances.map(({ workflows }) => workflows.refresh(EXECUTION)));

      const ends = await Promise.allSettled([submit(0, one), submit(1, other)]);
      await settle();
      const history = await w.history();
      expect(history.map(({ revision }) => revision)).toEqual(history.map((_event, index) => BigInt(index)));
      for (const end of ends) {
        if (end.status === 'rejected') expectRejection(end.reason);
        else expectTrue(end.value, history);
      }
      // The loser did not decide on what the winner had already changed: replayed in order, each was allowed.
      const commandIds = ends.flatMap((end) =>
        end.status === 'fulfilled' ? [end.value.appended.map(({ id }) => id)] : [],
      );
      const ids = history.map(({ id }) => id);
      for (const appended of commandIds) {
        const first = ids.indexOf(appended[0] ?? '');
        if (appended.length > 0) expect(ids.slice(first, first + appended.length)).toEqual(appended);
      }
    }),
    { numRuns: 8, seed: 1 },
  );
});

test('a command for one revision: an instance that has not seen it reads on, an instance that knows a later one refuses', async () => {
  const w = world([step('a')], never);
  const [one, other] = [w.instance('w1'), w.instance('w2')];
  await one.saga.submit(EXECUTION, w.start());
  await other.workflows.load(EXECUTION);
  const pause = w.order({ type: 'PauseWorkflow', data: {} });
  expect(await one.saga.submit(EXECUTION, pause, { onlyAt: 1n })).toMatchObject({ revision: 2n });

  const resume = w.order({ type: 'ResumeWorkflow', data: {} });
  await expect(other.saga.submit(EXECUTION, resume, { onlyAt: 1n })).rejects.toBeInstanceOf(OtherRevision);
  const cancel = w.order({ type: 'CancelWorkflow', data: {} });
  expect(await other.saga.submit(EXECUTION, cancel, { onlyAt: 2n })).toMatchObject({ revision: 3n });
  // The first has not seen the cancel, of which its own view would allow the resume.
  await expect(one.saga.submit(EXECUTION, resume, { onlyAt: 2n })).rejects.toBeInstanceOf(OtherRevision);
  expect(await w.types()).toEqual(['WorkflowStarted', 'StepStarted', 'WorkflowPaused', 'WorkflowCancelled']);
});

const expectRejection = (error: unknown) => expect(error).toBeInstanceOf(CommandRejected);

/** What it was told is the state at the revision that it was told. */
const expectTrue = ({ state, revision }: Outcome, history: readonly { type: string; data: unknown }[]) => {
  const events = history.slice(0, Number(revision) + 1) as unknown as readonly WorkflowEvent[];
  expect(state).toEqual(fold(workflow, events));
};
