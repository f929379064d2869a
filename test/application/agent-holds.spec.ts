import fc from 'fast-check';
import { AgentHolds, AgentHoldsWatch } from '../../src/application/agents/agent-holds.js';
import type { CommandContext } from '../../src/application/log/envelope.js';
import { STREAM_PREFIX } from '../../src/domain/workflow/index.js';
import { agentStream } from '../../src/domain/agent/hold.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { CountingIds, ScriptedAgents } from '../support/saga-world.js';
import { settle } from '../../src/testing/real-time.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const ids = new CountingIds('f');
const clock = new VirtualClock();
const ann = (commandId = ids.uuid()): CommandContext => ({
  commandId,
  at: clock.now(),
  actor: { type: 'user', id: 'ann' },
  reason: 'r',
  causationId: null,
  traceparent: null,
});
const [hold, release] = [
  { type: 'HoldAgent', reason: 'r' },
  { type: 'ReleaseAgent', reason: 'r' },
] as const;

const watching = (log: InMemoryEventLog) => {
  const holds = new AgentHolds(log, clock);
  const agents = new ScriptedAgents(() => new Promise<never>(() => undefined));
  agents.list = () => [{ name: 'a', kind: 'http', url: null }];
  const errors: string[] = [];
  const watch = new AgentHoldsWatch(holds, { log, agents, clock, ids }, (message) => errors.push(message));
  return { holds, watch, errors };
};

test('an agent is not called before its stream was read; asking for it has it read', async () => {
  const holds = new AgentHolds(new InMemoryEventLog(), clock);
  let changes = 0;
  holds.onChange(() => changes++);
  expect(holds.mayCall('a')).toBe(false);
  await settle();
  expect([holds.mayCall('a'), changes]).toEqual([true, 1]);
});

test('where the log cannot be read the agent stays uncalled, and the next question asks again', async () => {
  const log = new InMemoryEventLog();
  const holds = new AgentHolds(log, clock);
  const read = log.read.bind(log);
  log.read = () => Promise.reject(new Error('away'));
  expect(holds.mayCall('a')).toBe(false);
  await settle();
  log.read = read;
  expect(holds.mayCall('a')).toBe(false);
  await settle();
  expect(holds.mayCall('a')).toBe(true);
});

test('another instance learns at once from its subscription, and a new one from the stream', async () => {
  const log = new InMemoryEventLog();
  const here = new AgentHolds(log, clock);
  const there = watching(log);
  void there.watch.start('start');
  await settle();
  expect(there.holds.mayCall('a')).toBe(true);
  await here.execute('a', hold, ann());
  await settle();
  expect(there.holds.of('a')).toMatchObject({ actor: { id: 'ann' }, reason: 'r' });
  await here.execute('a', release, ann());
  await settle();
  expect(there.holds.mayCall('a')).toBe(true);
  await there.watch.stop();
  await here.execute('a', hold, ann());
  const restarted = watching(log);
  void restarted.watch.start((await log.read(agentStream('a'))).events.at(-1)!.position);
  await settle();
  expect(restarted.holds.mayCall('a')).toBe(false);
  await restarted.watch.stop();
  expect([...there.errors, ...restarted.errors]).toEqual([]);
});

test('a hold that the subscription missed is noticed within 5 s', async () => {
  const log = new InMemoryEventLog();
  const there = watching(log);
  log.subscribe = async function* () {
    await new Promise<never>(() => undefined);
    yield { kind: 'caught-up' };
  };
  void there.watch.start('start');
  await settle();
  await new AgentHolds(log, clock).execute('a', hold, ann());
  expect(there.holds.mayCall('a')).toBe(true);
  await clock.pass(5_000);
  expect(there.holds.mayCall('a')).toBe(false);
});

test('its stream is none of the workflows’', () => {
  expect(agentStream('workflow-1').startsWith(STREAM_PREFIX)).toBe(false);
});

test('a stored event of an unknown type is passed over, and so is one without its fields', async () => {
  const log = new InMemoryEventLog();
  const event = (type: string, data: null | { agent: string }) => ({ id: ids.uuid(), type, data, metadata: {} });
  await log.append(agentStream('a'), [event('AgentPraised', { agent: 'a' })], 'none');
  const holds = new AgentHolds(log, clock);
  await expect(holds.refresh('a')).resolves.toBeNull();
  await log.append(agentStream('a'), [event('AgentHeld', null)], 0n);
  await expect(holds.refresh('a')).resolves.toBeNull();
});

test('however instances race: events alternate, one command leaves one event, and all see the same in the end', async () => {
  const command = fc.record({
    by: fc.nat(2),
    order: fc.constantFrom(hold, release),
    repeat: fc.boolean(),
    waits: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
      const log = new InMemoryEventLog();
      const instances = [0, 1, 2].map(() => new AgentHolds(log, clock));
      const running: Promise<unknown>[] = [];
      for (const { by, order, repeat, waits } of commands) {
        const context = ann();
        running.push(instances[by]!.execute('a', order, context));
        if (repeat) running.push(instances[(by + 1) % 3]!.execute('a', order, context));
        if (waits) await Promise.all(running);
      }
      await Promise.all(running);
      const { events } = await log.read(agentStream('a'));
      events.forEach(({ type }, index) => expect(type).toBe(index % 2 ? 'AgentReleased' : 'AgentHeld'));
      const given = events.map(({ metadata }) => (metadata as { commandId: string }).commandId);
      expect(new Set(given).size).toBe(given.length);
      for (const holds of instances) expect((await holds.refresh('a')) === null).toBe(events.length % 2 === 0);
    }),
    { numRuns: 100 },
  );
});

test('of an agent whose stream was tombstoned the operator hears once, and it is not called', async () => {
  const log = new InMemoryEventLog();
  log.tombstone(agentStream('a'));
  const { holds, watch, errors } = watching(log);
  await watch.start('start');
  await clock.pass(60_000);
  expect(holds.mayCall('a')).toBe(false);
  expect(errors).toHaveLength(1);
  await watch.stop();
});
