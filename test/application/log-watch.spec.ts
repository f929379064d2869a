/** What followers and writers know of the log. */
import { LogUnavailable } from '../../src/application/log/event-log.js';
import type { LogFault } from '../../src/application/log/log-fault.js';
import { LogWatch } from '../../src/application/log/log-watch.js';
import { guardedBy } from '../support/guarded-by.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const DENIED = new LogUnavailable('denied');
const AWAY = new LogUnavailable('away');
const faultOf = (error: unknown): LogFault | undefined => (error === DENIED ? 'RIGHTS_MISSING' : undefined);

// eslint-disable-next-line require-yield -- a subscription that does not come about
async function* failing(error: Error): AsyncGenerator<never> {
  throw error;
}

const world = () => {
  const clock = new VirtualClock();
  const log = new InMemoryEventLog();
  const watch = new LogWatch(clock, faultOf, { forgetMs: 60_000, graceMs: 5_000 });
  const watched = guardedBy(watch, log);
  const [append, subscribe] = [log.append.bind(log), log.subscribe.bind(log)];
  return {
    clock,
    watch,
    watched,
    refuseAppends: (error: Error | null) => void (log.append = error ? () => Promise.reject(error) : append),
    refuseFollowers: (error: Error | null) => void (log.subscribe = error ? () => failing(error) : subscribe),
    append: (stream: string, id = crypto.randomUUID()) =>
      watched.append(stream, [{ id, type: 'T', data: {}, metadata: {} }], 'none').catch(() => undefined),
    follow: async () => {
      const signal = AbortSignal.timeout(10_000);
      for await (const message of watched.subscribe({ prefix: 'workflow-', after: 'start', signal })) return message;
      return undefined;
    },
  };
};

test('appends that the user may not make are known by the kind of their streams, until one succeeds', async () => {
  const { watch, append, refuseAppends, clock } = world();
  await append('workflow-1');
  expect(watch.appendTrouble()).toBeNull();
  refuseAppends(DENIED);
  await append('workflow-2');
  await clock.pass(3_000);
  await append('workflow-3');
  expect(watch.appendTrouble()).toEqual({ fault: 'RIGHTS_MISSING', what: 'appends to workflow-', seconds: 3 });
  refuseAppends(null);
  await append('agent-1');
  expect(watch.appendTrouble()).not.toBeNull();
  await append('workflow-4');
  expect(watch.appendTrouble()).toBeNull();
});

test('appends that fail otherwise are left to the probe', async () => {
  const { watch, append, refuseAppends } = world();
  refuseAppends(AWAY);
  await append('workflow-1');
  expect(watch.appendTrouble()).toBeNull();
});

test('a refusal that is not repeated is forgotten', async () => {
  const { watch, append, refuseAppends, clock } = world();
  refuseAppends(DENIED);
  await append('workflow-1');
  await clock.pass(60_000);
  expect(watch.appendTrouble()).not.toBeNull();
  await clock.pass(1_000);
  expect(watch.appendTrouble()).toBeNull();
});

test('a follower without the right is known at once; one that is lost, when it is not back after a while', async () => {
  const { watch, follow, refuseFollowers, clock } = world();
  refuseFollowers(DENIED);
  await expect(follow()).rejects.toBe(DENIED);
  expect(watch.followTrouble()).toEqual({ fault: 'RIGHTS_MISSING', what: 'followers of workflow-', seconds: 0 });
  refuseFollowers(null);
  expect(await follow()).toEqual({ kind: 'caught-up' });
  expect(watch.followTrouble()).toBeNull();
  refuseFollowers(AWAY);
  await expect(follow()).rejects.toBe(AWAY);
  expect(watch.followTrouble()).toBeNull();
  await clock.pass(5_000);
  await expect(follow()).rejects.toBe(AWAY);
  expect(watch.followTrouble()).toMatchObject({ fault: undefined, seconds: 5 });
});

test('a follower that is ended is no loss', async () => {
  const { watch, watched, refuseFollowers } = world();
  refuseFollowers(DENIED);
  const signal = AbortSignal.abort();
  const messages = watched.subscribe({ prefix: 'workflow-', after: 'start', signal })[Symbol.asyncIterator]();
  await expect(messages.next()).rejects.toBe(DENIED);
  expect(watch.followTrouble()).toBeNull();
});

test('the guard counts the appends that wait for an answer, whatever becomes of them', async () => {
  const { watched, append, refuseAppends } = world();
  const [first, second] = [append('workflow-1'), append('workflow-2')];
  expect(watched.appendsUnderWay).toBe(2);
  await Promise.all([first, second]);
  refuseAppends(AWAY);
  await append('workflow-3');
  expect(watched.appendsUnderWay).toBe(0);
});
