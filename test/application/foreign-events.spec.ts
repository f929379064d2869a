/** Events that another program has put into streams of this application: each reader tells them from its own. */
import { randomUUID } from 'node:crypto';
import { AgentHolds } from '../../src/application/agents/agent-holds.js';
import { AuditReviews } from '../../src/application/audit/reviews.js';
import type { CommandContext } from '../../src/application/log/envelope.js';
import { ForeignEvents } from '../../src/application/log/foreign-events.js';
import { SmallStream } from '../../src/application/log/small-stream.js';
import { agentStream } from '../../src/domain/agent/hold.js';
import { reviewStream } from '../../src/domain/audit/review.js';
import { projectionStream, readProjectionEvent } from '../../src/domain/projection/events.js';
import { poisonOrders, poisonStream, readPoisonOrderEvent } from '../../src/domain/projection/poison-orders.js';
import { projectionLife } from '../../src/domain/projection/rebuild.js';
import { readWebhookEvent, webhook, webhookStream } from '../../src/domain/webhook/webhook.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { EXECUTION, step, world } from '../support/saga-world.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const clock = new VirtualClock();
const ann = { type: 'user', id: 'ann' } as const;
const at = clock.now().toISOString();
const context = (): CommandContext => ({
  ...{ commandId: randomUUID(), at: clock.now(), actor: ann, reason: 'r', causationId: null, traceparent: null },
});

const foreignWorld = () => {
  const log = new InMemoryEventLog(() => clock.now());
  const lines: string[] = [];
  const foreign = new ForeignEvents((_level, line) => lines.push(line));
  const put = async (stream: string, type: string, data: object = { nonsense: true }, metadata: object = {}) => {
    const { revision } = await log.read(stream);
    await log.append(stream, [{ id: randomUUID(), type, data: data as never, metadata: metadata as never }], revision);
  };
  return { log, lines, foreign, put };
};

test('an agent can be held and released although a foreign event stands in its stream, and the operator hears of it once', async () => {
  const { log, lines, put } = foreignWorld();
  const holds = new AgentHolds(log, clock, (_level, line) => lines.push(line));
  await put(agentStream('a'), 'AgentHeld');
  expect(await holds.refresh('a')).toBeNull();
  expect((await holds.execute('a', { type: 'HoldAgent', reason: 'r' }, context())).changed).toBe(true);
  await put(agentStream('a'), 'AgentReleased');
  expect(await holds.refresh('a')).toMatchObject({ actor: ann });
  expect((await holds.execute('a', { type: 'ReleaseAgent', reason: 'r' }, context())).hold).toBeNull();
  expect(lines.filter((line) => line.includes('did not write'))).toEqual([
    'Stream agent-a holds an event that this application did not write, revision 0 (AgentHeld): Event AgentHeld: expected a text at agent, ' +
      'got nothing. It is passed over, as are others like it in this stream',
  ]);
});

test('a foreign event in a stream of reviews is no review, and hides none', async () => {
  const { log, lines, foreign, put } = foreignWorld();
  const w = world([step('a')], () => new Promise<never>(() => undefined));
  await w.instance('w1').saga.submit(EXECUTION, w.start());
  for (const { id, type, data, metadata } of await w.history())
    await log.append(
      `workflow-${EXECUTION}`,
      [{ id, type, data: data as never, metadata: metadata as never }],
      (await log.read(`workflow-${EXECUTION}`)).revision,
    );
  const reviews = new AuditReviews(log, clock, foreign);
  await put(reviewStream(EXECUTION), 'AuditReviewed');
  await reviews.record(EXECUTION, { throughRevision: 0, outcome: 'accepted', reason: 'read' }, context());
  await put(reviewStream(EXECUTION), 'AuditReviewed', { executionId: EXECUTION });
  const found = await reviews.of(EXECUTION);
  expect(found.map(({ revision, review }) => [revision, review.reason])).toEqual([[1n, 'read']]);
  expect(lines).toHaveLength(1);
});

const asked = { rebuildId: 'r', actor: ann, reason: null, at };
const requested = { ...asked, projection: 'p', require: 'none', cause: 'operator', version: 1 } as const;
const given = { actor: ann, reason: null, at };
const subscribed = {
  ...given,
  ...{ webhookId: 'w', target: 't', description: null },
  filter: { eventTypes: [], projectId: null, executionId: null },
};
const poison = {
  ...{ orderId: 'o', projection: 'p', executionId: 'e', revision: '1', error: 'x' },
  ...{ actor: ann, reason: 'r', at },
};
const SMALL = [
  {
    what: 'rebuilds',
    name: projectionStream('p'),
    stream: new SmallStream(projectionLife, readProjectionEvent),
    type: 'RebuildCompared',
    data: { rebuildId: 'r', at, comparison: 'none' },
    command: { type: 'RequestRebuild', data: requested },
  },
  {
    what: 'a webhook',
    name: webhookStream('w'),
    stream: new SmallStream(webhook, readWebhookEvent),
    type: 'WebhookRemoved',
    data: {},
    command: { type: 'SubscribeWebhook', data: subscribed },
  },
  {
    what: 'orders for an execution that is held back',
    name: poisonStream('p', 'e'),
    stream: new SmallStream(poisonOrders, readPoisonOrderEvent),
    type: 'PoisonSkipOrdered',
    data: { orderId: 7 },
    command: { type: 'RetryPoison', data: poison },
  },
] as const;

test.each(SMALL)('a foreign event in the stream of $what changes nothing there', async (row) => {
  const { log, lines, foreign, put } = foreignWorld();
  const stream = row.stream as unknown as SmallStream<typeof row.command, unknown, never>;
  await put(row.name, row.type, row.data);
  const first = await stream.execute({ log, clock, foreign }, row.name, row.command, context());
  expect(first).toMatchObject({ changed: true, folded: { revision: 1n } });
  await put(row.name, row.type, row.data);
  const read = await stream.read({ log, foreign }, row.name);
  expect(read).toMatchObject({ revision: 2n, state: first.folded.state });
  expect(lines).toHaveLength(1);
});
