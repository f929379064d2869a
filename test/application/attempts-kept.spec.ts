/** A retry overwrites nothing: each attempt, what it was sent, what came back and its error stay in the events. */
import fc from 'fast-check';
import { hashOf } from '../../src/application/log/event-hash.js';
import { stepId } from '../../src/application/log/ids.js';
import type { JsonObject } from '../../src/domain/json.js';
import { answers, EXECUTION, fails, step, world } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';

const LONGEST_DELAY_MS = 4_000;

/** Per generation: how many attempts fail before one succeeds, or all of them do. */
const generations = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 5 });

test('after any number of retries every attempt can be read from the events', () =>
  fc.assert(
    fc.asyncProperty(generations, async (plan) => {
      let generation = 0;
      let failures = 0;
      const w = world([step('a'), step('b')], async ({ input }) => {
        if (input.step !== 'a') return answers({ b: 'done' });
        return failures++ < plan[generation]! ? fails('transient') : answers({ a: `answer ${input.attempt}` });
      });
      const { saga } = w.instance('w1');
      await saga.submit(EXECUTION, w.start(), { isNew: true });
      const isFailed = async () => (await w.state()) === 'failed';
      for (await pass(w); (await isFailed()) && generation + 1 < plan.length; await pass(w)) {
        generation++;
        failures = 0;
        await saga.submit(EXECUTION, w.order({ type: 'RetryStep', data: { stepId: stepId(EXECUTION, 'a') } }));
      }

      const [started, failed, completed] = [
        await w.dataOf('StepStarted'),
        await w.dataOf('StepFailed'),
        await w.dataOf('StepCompleted'),
      ];
      expect(started.map(({ inputHash }) => inputHash)).toEqual(
        w.agents.calls.map(({ input }) => hashOf(input as unknown as JsonObject)),
      );
      expect(new Set(started.map(({ inputHash }) => inputHash)).size).toBe(started.length);
      const ofA = started.filter((each) => each.step === 'a');
      expect(ofA.map(({ attempt }) => attempt)).toEqual(ofA.map((_, index) => index + 1));
      const ended = [...failed, ...completed].filter((each) => each.step === 'a').map(({ attempt }) => attempt);
      expect(ended.sort((one, other) => one - other)).toEqual(ofA.map(({ attempt }) => attempt));
      expect(failed.map(({ error }) => error.message)).toEqual(failed.map(() => 'a transient error'));
      expect(completed.map(({ outputHash }) => outputHash)).toEqual(completed.map(({ output }) => hashOf(output)));
      expect(w.errors).toEqual([]);
    }),
    { seed: 20_300_107, numRuns: 25 },
  ));

const pass = async (w: ReturnType<typeof world>) => {
  await settle();
  await w.clock.pass(LONGEST_DELAY_MS);
  await settle();
};

test('a large value: the output hash is that of the whole, the input hash names it by its reference', async () => {
  const large = { text: 'x'.repeat(2_000), small: 'y' };
  const w = world([step('a'), step('b')], async ({ input }) => answers(input.step === 'a' ? large : {}));
  await w.instance('w1', { inlineOutputBytes: 1_000 }).saga.submit(EXECUTION, w.start(), { isNew: true });
  await settle();
  const [first] = await w.dataOf('StepCompleted');
  expect(first?.output).toMatchObject({ text: { artifact: 'a/text' }, small: 'y' });
  expect(first?.outputHash).toBe(hashOf(large));

  const sent = w.agents.calls[1]!.input;
  expect(sent.checkpoint.intermediate_results).toEqual(large);
  const [, second] = await w.dataOf('StepStarted');
  const withReferences = { ...sent, checkpoint: { ...sent.checkpoint, intermediate_results: first!.output } };
  expect(second?.inputHash).toBe(hashOf(withReferences as unknown as JsonObject));
});
