import { LogWatch } from '../../../src/application/log/log-watch.js';
import { guardedBy } from '../../support/guarded-by.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { describeEventLog, listen } from './event-log.contract.js';

const log = new InMemoryEventLog();
describeEventLog('The in-memory log', () => log);

const guarded = guardedBy(new LogWatch(new VirtualClock(), () => undefined), new InMemoryEventLog());
describeEventLog('The guarded log', () => guarded);

test('takes its times from the clock it is given', async () => {
  const at = new Date('2030-01-02T03:04:05Z');
  const timed = new InMemoryEventLog(() => at);
  await timed.append(
    'stream',
    [{ id: 'b3f3a6de-8b5e-4f0e-9d10-0c5b5f6f1f11', type: 'T', data: 1, metadata: {} }],
    'none',
  );
  expect((await timed.read('stream')).events[0]?.recordedAt).toBe(at);
});

test('can be disconnected, as a server can', async () => {
  const heard = listen(log, 'x', 'start');
  log.disconnect(new Error('the cable'));
  await expect(heard.done).rejects.toThrow('the cable');
});
