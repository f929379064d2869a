import {
  AppendOutcomeUnknown,
  AppendRefused,
  LogUnavailable,
  RevisionConflict,
  SubscriptionDropped,
} from '../../src/application/log/event-log.js';
import { NotReady } from '../../src/application/runtime/errors.js';
import { outageLogs } from '../../src/composition/outages.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const setUp = () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const logs = outageLogs(clock, (level, line) => lines.push(`${level}: ${line}`));
  return { clock, lines, ...logs };
};

test('whatever part fails for the log, it is one outage of the log', async () => {
  const { clock, lines, all, logWorks } = setUp();
  for (const [by, error] of [
    ['Saga', new LogUnavailable('away')],
    ['Webhooks', new AppendOutcomeUnknown('silent')],
    ['Http', new LogUnavailable('away')],
    ['Audit', new AppendRefused('denied', 'no right')],
  ] as const)
    expect(all.take(by, 'Failed', error)).toBe(true);
  await clock.pass(12_000);
  logWorks();
  expect(lines).toEqual([
    'warn: The event log fails: Saga: Failed: away. Failures are counted from now on',
    'log: The event log works again after 0 s: 4 failures (Saga 1, Webhooks 1, Http 1, Audit 1)',
  ]);
});

test('a subscription that is dropped, and a database that is away, are no outage of the log', () => {
  const { lines, all, logWorks } = setUp();
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  all.take('EventLog', 'Open again', new SubscriptionDropped('too slow'));
  all.take('Saga', 'The heartbeat failed', away);
  all.take('Http', 'GET /', new NotReady('The database cannot be reached', { cause: away }));
  logWorks();
  expect(lines.map((line) => line.split(':')[1]?.trim())).toEqual([
    'Reading the event log fast enough fails',
    'The database fails',
  ]);
});

test.each([
  new RevisionConflict('s', 0n, 1n),
  new AppendRefused('too-large', 'x'),
  new NotReady('wait'),
  'a text',
  null,
])('what is wrong with one thing alone is left to its own line: %p', (error) => {
  const { lines, all } = setUp();
  expect(all.take('Saga', 'Failed', error)).toBe(false);
  expect(lines).toEqual([]);
});
