import { AppendCircuit } from '../../src/application/log/append-circuit.js';
import {
  AppendOutcomeUnknown,
  AppendRefused,
  AppendsPaused,
  LogUnavailable,
  RevisionConflict,
} from '../../src/application/log/event-log.js';

const setUp = () => {
  let now = 0;
  let tries = 0;
  const circuit = new AppendCircuit(() => now, { openAfterMs: 5_000, trialEveryMs: 1_000 });
  /** The order in which a client of the log asks and tells. */
  const append = (failure?: Error): unknown => {
    try {
      circuit.mustPass();
    } catch (paused) {
      return paused;
    }
    tries += 1;
    if (failure) circuit.failed(failure);
    else circuit.answered();
    return failure ?? 'kept';
  };
  return { append, pass: (ms: number) => (now += ms), tries: () => tries };
};

const away = new LogUnavailable('away');
const silent = new AppendOutcomeUnknown('silent');

const opened = () => {
  const world = setUp();
  for (let second = 0; second <= 5; second++) {
    expect(world.append(second % 2 === 0 ? away : silent)).not.toBeInstanceOf(AppendsPaused);
    world.pass(1_000);
  }
  return world;
};

test('while appends keep failing, one a second is tried and the others fail at once', () => {
  const { append, pass, tries } = opened();
  expect(append(away)).toBe(away);
  const before = tries();
  pass(999);
  for (let order = 0; order < 10; order++) expect(append()).toBeInstanceOf(AppendsPaused);
  expect(tries()).toBe(before);
  pass(1);
  expect(append(silent)).toBe(silent);
  expect(append()).toBeInstanceOf(AppendsPaused);
});

test.each([
  ['an append', undefined],
  ['a conflict', new RevisionConflict('s', 0n, 1n)],
  ['a refusal', new AppendRefused('too-large', 'too large')],
])('%s that is answered lets all through again', (_, answer) => {
  const { append } = opened();
  expect(append(answer)).toBe(answer ?? 'kept');
  expect(append(away)).toBe(away);
  expect(append(away)).toBe(away);
});

test('failures in between which appends are answered pause nothing', () => {
  const { append, pass } = setUp();
  for (let second = 0; second < 60; second++) {
    expect(append(away)).toBe(away);
    expect(append()).toBe('kept');
    pass(1_000);
  }
});

test('a failure long after another one, with nothing appended in between, pauses nothing', () => {
  const { append, pass } = setUp();
  for (let hour = 0; hour < 3; hour++) {
    expect(append(away)).toBe(away);
    pass(3_600_000);
  }
});
