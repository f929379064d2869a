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
  const append = (failure?: Error): Promise<unknown> =>
    circuit
      .try(async () => {
        tries += 1;
        if (failure) throw failure;
        return 'kept';
      })
      .catch((error: unknown) => error);
  return { append, pass: (ms: number) => (now += ms), tries: () => tries };
};

const away = new LogUnavailable('away');
const silent = new AppendOutcomeUnknown('silent');

const opened = async () => {
  const world = setUp();
  for (let second = 0; second <= 5; second++) {
    expect(await world.append(second % 2 === 0 ? away : silent)).not.toBeInstanceOf(AppendsPaused);
    world.pass(1_000);
  }
  return world;
};

test('while appends keep failing, one a second is tried and the others fail at once', async () => {
  const { append, pass, tries } = await opened();
  expect(await append(away)).toBe(away);
  const before = tries();
  pass(999);
  for (let order = 0; order < 10; order++) expect(await append()).toBeInstanceOf(AppendsPaused);
  expect(tries()).toBe(before);
  pass(1);
  expect(await append(silent)).toBe(silent);
  expect(await append()).toBeInstanceOf(AppendsPaused);
});

test.each([
  ['an append', undefined],
  ['a conflict', new RevisionConflict('s', 0n, 1n)],
  ['a refusal', new AppendRefused('too-large', 'too large')],
])('%s that is answered lets all through again', async (_, answer) => {
  const { append } = await opened();
  expect(await append(answer)).toBe(answer ?? 'kept');
  expect(await append(away)).toBe(away);
  expect(await append(away)).toBe(away);
});

test('failures in between which appends are answered pause nothing', async () => {
  const { append, pass } = setUp();
  for (let second = 0; second < 60; second++) {
    expect(await append(away)).toBe(away);
    expect(await append()).toBe('kept');
    pass(1_000);
  }
});

test('a failure long after another one, with nothing appended in between, pauses nothing', async () => {
  const { append, pass } = setUp();
  for (let hour = 0; hour < 3; hour++) {
    expect(await append(away)).toBe(away);
    pass(3_600_000);
  }
});
