import { AppendRefused, type EventLog } from '../../../src/application/log/event-log.js';
import { Webhooks } from '../../../src/application/webhooks/webhooks.js';
import { webhookStream } from '../../../src/domain/webhook/webhook.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';
import { CountingIds } from '../../support/saga-world.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const ID = '11111111-1111-4111-8111-111111111111';

test('a webhook that the log does not let the system disable is tried once, with one line', async () => {
  const [clock, log, errors] = [new VirtualClock(), new InMemoryEventLog(), [] as string[]];
  const given = { at: clock.now().toISOString(), actor: { type: 'user', id: 'ann' }, reason: null };
  const filter = { eventTypes: [], projectId: null, executionId: null };
  const data = { ...given, webhookId: ID, target: 'https://receiver.example', description: null, filter };
  const subscribed = { id: new CountingIds('a').uuid(), type: 'WebhookSubscribed', data, metadata: {} };
  await log.append(webhookStream(ID), [subscribed], 'none');
  let appends = 0;
  log.append = () => Promise.reject(new AppendRefused('denied', `no right (${++appends})`));
  const ports = { log: log as EventLog, clock, ids: new CountingIds('b') };
  const onError = (message: string, error: unknown) => errors.push(`${message}: ${String(error)}`);
  const webhooks = new Webhooks(ports as never, {} as never, onError);
  for (let delivery = 0; delivery < 3; delivery++)
    expect(await webhooks.disableBySystem(ID, 'gone', 'it answers 410')).toBe(false);
  expect(appends).toBe(1);
  expect(errors).toEqual([expect.stringMatching(/cannot be disabled \(it answers 410\).*no right/)]);
});
