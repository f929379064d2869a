import fc from 'fast-check';
import {
  abandonTrial,
  beginCall,
  endCall,
  lets,
  newCircuit,
  recentFailures,
  type CallResult,
  type Circuit,
  type CircuitPolicy,
} from '../../../src/domain/agent/circuit.js';

const policy: CircuitPolicy = {
  consecutiveFailures: 3,
  failurePercent: 50,
  minimumCalls: 10,
  windowMs: 60_000,
  coolDownMs: 10_000,
};
const answered: CallResult = { kind: 'answered' };
const failed = (retryAfterMs: number | null = null): CallResult => ({ kind: 'failed', retryAfterMs });

/** One call after another, each at its time. */
const after = (calls: readonly (readonly [number, CallResult])[], rules = policy): Circuit =>
  calls.reduce<Circuit>((circuit, [now, result]) => {
    if (!lets(circuit, now)) throw new Error(`No call is let through at ${now}`);
    const begun = beginCall(circuit, now);
    return endCall(begun.circuit, rules, result, begun.isTrial, now);
  }, newCircuit);

test('three failures in a row open it for the cool-down; then one trial is let through', () => {
  const open = after([
    [1_000, failed()],
    [2_000, failed()],
    [3_000, failed()],
  ]);
  expect(open).toMatchObject({ state: 'open', since: 3_000, trialAt: 13_000 });
  expect([lets(open, 12_999), lets(open, 13_000)]).toEqual([false, true]);
  const { circuit: halfOpen, isTrial } = beginCall(open, 13_000);
  expect(isTrial).toBe(true);
  expect(halfOpen).toMatchObject({ state: 'half_open', since: 13_000 });
  expect(lets(halfOpen, 99_000)).toBe(false);
});

test('an answer in between begins the count anew', () => {
  const results = [failed(), failed(), answered, failed(), failed()];
  expect(after(results.map((result, index) => [index, result])).state).toBe('closed');
});

test('a trial that is answered closes it, with nothing left of the past', () => {
  const closed = after([
    [0, failed()],
    [0, failed()],
    [0, failed()],
    [10_000, answered],
  ]);
  expect(closed).toMatchObject({ state: 'closed', since: 10_000, consecutive: 0 });
  expect(recentFailures(closed, policy, 10_000)).toBe(0);
});

test('a trial that fails opens it again; one without a result leaves room for another at once', () => {
  const calls = [0, 0, 0, 10_000].map((now): [number, CallResult] => [now, failed()]);
  expect(after(calls)).toMatchObject({ state: 'open', since: 10_000, trialAt: 20_000 });
  const { circuit } = beginCall(after(calls), 20_000);
  expect(lets(abandonTrial(circuit, 21_000), 21_000)).toBe(true);
});

test('half of the calls of the window open it, from the tenth call on', () => {
  const alternating = (count: number) =>
    Array.from({ length: count }, (_, index): [number, CallResult] => [index, index % 2 ? failed() : answered]);
  expect(after(alternating(9)).state).toBe('closed');
  expect(after(alternating(10)).state).toBe('open');
});

test('failures older than the window do not count', () => {
  const rules = { ...policy, consecutiveFailures: 0 };
  const early = Array.from({ length: 9 }, (_, index): [number, CallResult] => [index, failed()]);
  const late = Array.from({ length: 9 }, (_, index): [number, CallResult] => [70_000 + index, failed()]);
  expect(after([...early, ...late], rules).state).toBe('closed');
  expect(recentFailures(after(early, rules), rules, 8)).toBe(9);
  expect(recentFailures(after(early, rules), rules, 70_000)).toBe(0);
});

test('it stays open for as long as the agent asks, also where an earlier call reports that late', () => {
  const calls: [number, CallResult][] = [
    [0, failed()],
    [0, failed()],
  ];
  const open = after([...calls, [0, failed(120_000)]]);
  expect(open.trialAt).toBe(120_000);
  expect(after([...calls, [0, failed(1_000)]]).trialAt).toBe(10_000);
  expect(endCall(open, policy, failed(300_000), false, 1_000).trialAt).toBe(301_000);
  expect(endCall(open, policy, answered, false, 1_000)).toBe(open);
});

test('a clock that is set back does not keep it open', () => {
  const open = after([0, 0, 0].map((now): [number, CallResult] => [1_000_000 + now, failed()]));
  expect(lets(open, 0)).toBe(true);
});

test('with both thresholds at 0 it never opens', () => {
  const never = { ...policy, consecutiveFailures: 0, failurePercent: 0 };
  expect(
    after(
      Array.from({ length: 100 }, () => [0, failed()]),
      never,
    ).state,
  ).toBe('closed');
});

const step = fc.record({
  passMs: fc.integer({ min: 0, max: 20_000 }),
  act: fc.constantFrom('begin', 'answered', 'failed', 'abandon'),
});

test('whatever happens: at most one trial at a time, nothing while it cools down, and never shut for good', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let [circuit, now] = [newCircuit, 0];
      const calls: boolean[] = [];
      for (const { passMs, act } of steps) {
        now += passMs;
        if (act === 'begin') {
          if (!lets(circuit, now)) continue;
          const begun = beginCall(circuit, now);
          circuit = begun.circuit;
          calls.push(begun.isTrial);
        } else if (calls.length > 0) {
          const isTrial = calls.shift()!;
          if (act === 'abandon') circuit = isTrial ? abandonTrial(circuit, now) : circuit;
          else circuit = endCall(circuit, policy, act === 'failed' ? failed() : answered, isTrial, now);
        }
        expect(calls.filter(Boolean).length).toBe(circuit.state === 'half_open' ? 1 : 0);
        expect(circuit.window.length).toBeLessThanOrEqual(10);
        if (circuit.state === 'open') expect(lets(circuit, circuit.trialAt)).toBe(true);
        if (circuit.state === 'open' && now < circuit.trialAt) expect(lets(circuit, now)).toBe(false);
      }
    }),
  );
});
