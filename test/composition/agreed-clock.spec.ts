import { AgreedClock } from '../../src/composition/agreed-clock.js';
import { SystemClock } from '../../src/infrastructure/system/clock-and-ids.js';

test('operators are told of a wrong clock once, when it changes, and when it is right again', async () => {
  let shift = 0;
  const lines: string[] = [];
  const clock = new SystemClock({ wall: () => Date.now() + shift });
  const agreed = new AgreedClock(
    clock,
    async () => new Date(),
    (level, line) => lines.push(`${level}: ${line}`),
  );
  for (const next of [0, -5_200, -5_100, 60_000, 0, 0]) {
    shift = next;
    await agreed.agree();
  }
  expect(lines).toEqual([
    expect.stringMatching(/^warn: This machine's clock is 5\.2 s behind the database's/),
    expect.stringMatching(/^warn: This machine's clock is 60\.0 s ahead of the database's/),
    expect.stringMatching(/^log: .*agree again/),
  ]);
});
