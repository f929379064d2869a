import { TooMuchWaiting } from '../../src/application/runtime/errors.js';
import { StartBacklog, WaitingExecutions } from '../../src/application/workflow/start-backlog.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const limits = { waiting: 10, countEveryMs: 1_000, countWaitMs: 500, retryAfterSeconds: 5 };

class Waiting extends WaitingExecutions {
  asked: number[] = [];
  answer: () => Promise<number> = async () => 0;
  count(_now: Date, limit: number): Promise<number> {
    this.asked.push(limit);
    return this.answer();
  }
}

const arrange = () => {
  const [clock, waiting, errors] = [new VirtualClock(), new Waiting(), [] as string[]];
  return {
    clock,
    waiting,
    errors,
    backlog: new StartBacklog(waiting, clock, limits, (message) => errors.push(message)),
  };
};

test('many starts at once cost one count, and the next second another; no count goes beyond the limit', async () => {
  const { clock, waiting, backlog } = arrange();
  await Promise.all(Array.from({ length: 50 }, () => backlog.mustHaveRoom()));
  await clock.pass(999);
  await backlog.mustHaveRoom();
  expect(waiting.asked).toEqual([10]);
  await clock.pass(1);
  await backlog.mustHaveRoom();
  expect(waiting.asked).toEqual([10, 10]);
});

test('what was started here since the count counts', async () => {
  const { clock, waiting, backlog } = arrange();
  waiting.answer = async () => 8;
  for (let started = 0; started < 2; started++) {
    await backlog.mustHaveRoom();
    backlog.grew();
  }
  await expect(backlog.mustHaveRoom()).rejects.toThrow(TooMuchWaiting);
  await clock.pass(1_000);
  await backlog.mustHaveRoom();
});

test('where nothing can be counted the last count stands, and it is asked again only after a second', async () => {
  const { clock, waiting, errors, backlog } = arrange();
  waiting.answer = async () => 10;
  await expect(backlog.mustHaveRoom()).rejects.toThrow('10 executions or more wait to be run');
  await clock.pass(1_000);
  waiting.answer = () => Promise.reject(new Error('away'));
  await expect(backlog.mustHaveRoom()).rejects.toThrow(TooMuchWaiting);
  await expect(backlog.mustHaveRoom()).rejects.toThrow(TooMuchWaiting);
  expect([waiting.asked.length, errors.length]).toEqual([2, 1]);
});

test('a count that hangs keeps nobody waiting for long, and is not made twice', async () => {
  const { clock, waiting, backlog } = arrange();
  waiting.answer = () => new Promise<never>(() => undefined);
  const first = backlog.mustHaveRoom();
  await clock.pass(500);
  await first;
  await backlog.mustHaveRoom();
  await clock.pass(1_000);
  const later = backlog.mustHaveRoom();
  await clock.pass(500);
  await later;
  expect(waiting.asked).toHaveLength(1);
});
