/** Laws of the four pure functions, tried on random walks. */
import fc from 'fast-check';
import { fold } from '../../src/domain/decider.js';
import { canonicalJson, type Json } from '../../src/domain/json.js';
import { workflow } from '../../src/domain/workflow/index.js';
import { nextEffects } from '../../src/domain/workflow/next-effects.js';
import { summarise } from '../../src/domain/workflow/summary.js';
import { upcast } from '../../src/domain/workflow/event-shapes.js';
import { historyOf, take, walks, workerLives } from './walks.js';

const options = { seed: 20_300_102, numRuns: 50 };

test('a fold may be cut anywhere: fold(a ++ b) is fold from fold(a)', () =>
  fc.assert(
    fc.property(walks, fc.nat(), (walk, anywhere) => {
      const history = historyOf(take(walk));
      const cut = anywhere % (history.length + 1);
      const first = fold(workflow, history.slice(0, cut));
      const whole = fold({ ...workflow, initialState: first }, history.slice(cut));
      expect(whole).toEqual(fold(workflow, history));
    }),
    options,
  ));

test('the state that decided is the state that the history folds to', () =>
  fc.assert(
    fc.property(walks, (walk) => {
      const turns = take(walk);
      expect(fold(workflow, historyOf(turns))).toEqual(turns.at(-1)!.after);
    }),
    options,
  ));

test('events survive the log: JSON and back, through upcast, they are the same events', () =>
  fc.assert(
    fc.property(walks, (walk) => {
      const history = historyOf(take(walk));
      const stored = history.map(({ type, data }) => ({ type, text: JSON.stringify(data) }));
      expect(stored.map(({ type, text }) => upcast(type, JSON.parse(text)))).toStrictEqual(history);
    }),
    options,
  ));

test('the same command on the same state gives the same events', () =>
  fc.assert(
    fc.property(walks, (walk) => {
      const accepted = take(walk).filter(({ events }) => events !== null);
      const again = accepted.map(({ command, before }) => workflow.decide(command, before));
      expect(again).toEqual(accepted.map(({ events }) => events));
    }),
    options,
  ));

test('next_action_at is null exactly where the saga has nothing to do', () =>
  fc.assert(
    fc.property(walks, fc.constantFrom(0, 1_000, 700_000), (walk, later) => {
      const wrong = take(walk).filter(({ after, at }) => {
        const now = new Date(at.getTime() + later);
        const [effect] = nextEffects(after, now, workerLives);
        const { nextActionAt } = summarise(after, now);
        return effect?.kind === 'WakeAt'
          ? nextActionAt !== effect.at
          : (nextActionAt === null) !== (effect === undefined);
      });
      expect(wrong).toEqual([]);
    }),
    options,
  ));

test('an effect of the saga is never refused and never in vain', () =>
  fc.assert(
    fc.property(walks, fc.boolean(), (walk, lives) => {
      for (const { after, at } of take(walk)) {
        for (const effect of nextEffects(after, at, () => lives)) {
          if (effect.kind === 'WakeAt') expect(Date.parse(effect.at)).toBeGreaterThan(at.getTime());
          else {
            const { stepId, attempt } = effect.kind === 'RunStep' ? effect : effect.command.data;
            const start = { type: 'StartStep', data: { stepId, attempt, worker: 'worker-c' } } as const;
            const command = effect.kind === 'RunStep' ? start : effect.command;
            expect(workflow.decide({ ...command, at }, after)).not.toEqual([]);
          }
        }
      }
    }),
    options,
  ));

describe('canonical JSON', () => {
  test('sorts keys at every depth and leaves lists alone', () =>
    expect(canonicalJson({ b: [3, 1, { z: null, a: 'é"' }], a: true })).toBe(
      '{"a":true,"b":[3,1,{"a":"é\\"","z":null}]}',
    ));

  test.each([
    [
      'keys that JavaScript puts in the order of numbers',
      '{"10":1,"2":{"b":1,"a":[{"1":0}]}}',
      '{"10":1,"2":{"a":[{"1":0}],"b":1}}',
    ],
    ['a key that would set a prototype', '{"z":1,"__proto__":{"b":1,"a":2}}', '{"__proto__":{"a":2,"b":1},"z":1}'],
    ['keys in the order of code units', '{"é":1,"Z":2,"a":3,"":4}', '{"":4,"Z":2,"a":3,"é":1}'],
  ])('writes %s', (_what, given, text) => expect(canonicalJson(JSON.parse(given) as Json)).toBe(text));

  test('has no member that is undefined, as JSON has none', () =>
    expect(canonicalJson({ b: 1, gone: undefined, a: { 1: undefined } } as never)).toBe('{"a":{},"b":1}'));

  test('is one text for one value, and that value', () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const stored = JSON.parse(JSON.stringify(value)) as Json;
        const text = canonicalJson(stored);
        expect(JSON.parse(text)).toEqual(stored);
        expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
      }),
      options,
    ));
});
