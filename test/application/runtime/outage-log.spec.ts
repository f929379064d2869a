import { OutageLog, Outages } from '../../../src/application/runtime/outage-log.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const setUp = () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const log = new OutageLog('The event log', clock, (level, line) => lines.push(`${level}: ${line}`));
  return { clock, lines, log };
};

test('an outage of five minutes with 40 failures a second has a line when it begins, one a minute, one when it ends', async () => {
  const { clock, lines, log } = setUp();
  for (let tick = 0; tick < 5 * 60 * 4; tick++) {
    for (let failure = 0; failure < 10; failure++) log.failed('Saga', 'Following failed', new Error(`away ${tick}`));
    log.failed('Webhooks', 'Not followed', new Error(`away ${tick}`));
    await clock.pass(250);
  }
  log.works();
  await clock.pass(12_000);
  log.works();
  log.works();
  expect(lines).toEqual([
    'warn: The event log fails: Saga: Following failed: away 0. Failures are counted from now on',
    'warn: The event log has been failing for 60 s: 2641 failures (Saga 2401, Webhooks 240); last: away 240',
    'warn: The event log has been failing for 120 s: 5281 failures (Saga 4801, Webhooks 480); last: away 480',
    'warn: The event log has been failing for 180 s: 7921 failures (Saga 7201, Webhooks 720); last: away 720',
    'warn: The event log has been failing for 240 s: 10561 failures (Saga 9601, Webhooks 960); last: away 960',
    'log: The event log works again after 300 s: 13200 failures (Saga 12000, Webhooks 1200)',
  ]);
});

test('where one thing works and another goes on failing, the outage goes on', async () => {
  const { clock, lines, log } = setUp();
  for (let tick = 0; tick < 6; tick++) {
    log.failed('Saga', 'Following failed', new Error('no rights'));
    await clock.pass(9_000);
    log.works();
  }
  expect(lines).toHaveLength(1);
});

test('what works and did not fail is no news', () => {
  const { lines, log } = setUp();
  log.works();
  expect(lines).toEqual([]);
});

test('a failure that belongs to no outage is left to its caller', () => {
  const { lines, log } = setUp();
  const outages = new Outages([{ is: (error) => error instanceof RangeError, log }]);
  expect(outages.take('Saga', 'Failed', new TypeError('x'))).toBe(false);
  expect(outages.take('Saga', 'Failed', new RangeError('y'))).toBe(true);
  expect(lines).toHaveLength(1);
});
