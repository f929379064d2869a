import {
  eventTypeFilter,
  excludeSystemEvents,
  streamNameFilter,
  type AllStreamSubscription,
  type Position,
  type StreamSubscription,
} from '@eventstore/db-client';
import { eventually } from '../../../support/eventually.js';
import { collect, event, events, follow, isOwnNode, newStream, serverUnderTest } from '../server-under-test.js';

const server = serverUnderTest({ maxTailEvents: 50, scanEvents: 20, pageEvents: 10 });

type Heard = { places: string[]; marks: string[]; error?: Error; stop: () => Promise<void> };

/** `only`: of the streams with these names, and of their metadata. Others may write at the same time. */
function hear(subscription: AllStreamSubscription | StreamSubscription, only = ''): Heard {
  const heard: Heard = { places: [], marks: [], stop: () => subscription.unsubscribe() };
  subscription.on('caughtUp', () => heard.marks.push('caught up'));
  subscription.on('fellBehind', () => heard.marks.push('fell behind'));
  subscription.on('confirmation', () => heard.marks.push('confirmed'));
  subscription.on('error', (error) => (heard.error = error));
  subscription.on('data', ({ event: found }: { event?: { streamId: string; revision: bigint } }) => {
    if (found?.streamId.replace(/^\$\$/, '').startsWith(only)) heard.places.push(`${found.streamId} ${found.revision}`);
  });
  return heard;
}

describe('to a stream', () => {
  test('gives what is there and what comes, after the given revision', async () => {
    const stream = newStream();
    await server.client.appendToStream(stream, events(3));
    const [all, later, live] = [
      hear(server.client.subscribeToStream(stream)),
      hear(server.client.subscribeToStream(stream, { fromRevision: 1n })),
      hear(server.client.subscribeToStream(stream, { fromRevision: 'end' })),
    ];
    await eventually(() => [all, later, live].every(({ marks }) => marks.includes('caught up')));
    await server.client.appendToStream(newStream(), events(2));
    await server.client.appendToStream(stream, events(2));
    await eventually(() => expect(live.places).toEqual([`${stream} 3`, `${stream} 4`]));
    await eventually(() => expect(all.places).toHaveLength(5));
    await eventually(() => expect(later.places).toEqual([2, 3, 4].map((revision) => `${stream} ${revision}`)));
    expect(all.marks).toEqual(['confirmed', 'caught up']);
    for (const one of [all, later, live]) await one.stop();
  });

  test('that does not exist yet waits for it; one that is tombstoned ends it', async () => {
    const stream = newStream();
    const [heard, atEnd] = [
      hear(server.client.subscribeToStream(stream)),
      hear(server.client.subscribeToStream(stream, { fromRevision: 'end' })),
    ];
    await eventually(() => atEnd.marks.includes('caught up'));
    await eventually(() => heard.marks.includes('confirmed'));
    expect(heard.marks).toEqual(['confirmed']);
    await server.client.appendToStream(stream, event());
    await eventually(() => heard.marks.includes('caught up'));
    for (const one of [heard, atEnd]) await eventually(() => expect(one.places).toEqual([`${stream} 0`]));
    await server.client.tombstoneStream(stream);
    await eventually(() => expect(heard.error).toMatchObject({ type: 'stream-deleted', streamName: stream }));
    expect(heard.places).toEqual([`${stream} 0`, `${stream} ${2n ** 63n - 1n}`]);
    const late = hear(server.client.subscribeToStream(stream));
    await eventually(() => expect(late.error).toMatchObject({ type: 'stream-deleted' }));
  });

  test('sees what the metadata let it see', async () => {
    const stream = newStream();
    await server.client.appendToStream(stream, events(5));
    await server.client.setStreamMetadata(stream, { truncateBefore: 3 });
    const heard = hear(server.client.subscribeToStream(stream));
    await eventually(() => heard.marks.includes('caught up'));
    expect(heard.places).toEqual([`${stream} 3`, `${stream} 4`]);
    await heard.stop();
  });
});

describe('to $all', () => {
  test('begins at the start, at the end, or after a position', async () => {
    const stream = newStream('all');
    const { position } = await server.client.appendToStream(stream, events(2));
    await server.client.appendToStream(stream, event());
    const heard = [
      hear(server.client.subscribeToAll(), stream),
      hear(server.client.subscribeToAll({ fromPosition: position as Position }), stream),
      hear(server.client.subscribeToAll({ fromPosition: 'end' }), stream),
    ];
    await eventually(() => heard.every(({ marks }) => marks.includes('caught up')));
    await server.client.appendToStream(stream, event());
    const place = (revision: number) => `${stream} ${revision}`;
    await eventually(() =>
      expect(heard.map(({ places }) => places)).toEqual([[0, 1, 2, 3].map(place), [2, 3].map(place), [3].map(place)]),
    );
    for (const one of heard) await one.stop();
  });

  test('holds what the system writes, unless that is filtered out', async () => {
    const stream = newStream('system');
    const [everything, own] = [
      hear(server.client.subscribeToAll({ fromPosition: 'end' }), stream),
      hear(server.client.subscribeToAll({ fromPosition: 'end', filter: excludeSystemEvents() }), stream),
    ];
    await eventually(() => [everything, own].every(({ marks }) => marks.includes('caught up')));
    await server.client.setStreamMetadata(stream, { maxCount: 5 });
    await server.client.appendToStream(stream, event());
    await eventually(() => expect(everything.places).toEqual([`$$${stream} 0`, `${stream} 0`]));
    await eventually(() => expect(own.places).toEqual([`${stream} 0`]));
    await everything.stop();
    await own.stop();
  });

  const marker = newStream('filter').slice(0, 15);
  test.each([
    ['stream prefixes', streamNameFilter({ prefixes: [`${marker}-a`, `${marker}-b`] }), ['a red', 'a blue', 'b red']],
    ['a stream expression', streamNameFilter({ regex: `^${marker}-[bc]$` }), ['b red', 'c green']],
    ['event type prefixes', eventTypeFilter({ prefixes: [`${marker}-red`] }), ['a red', 'b red']],
    ['an event type expression', eventTypeFilter({ regex: `^${marker}-(gr|bl)` }), ['a blue', 'c green']],
  ])('filters by %s, in the past and live', async (_name, filter, expected) => {
    const write = async () => {
      for (const [stream, type] of [
        ['a', 'red'],
        ['a', 'blue'],
        ['b', 'red'],
        ['c', 'green'],
      ] as const) {
        await server.client.appendToStream(`${marker}-${stream}`, event({}, `${marker}-${type}`));
      }
    };
    const { position } = await server.client.appendToStream(newStream(), events(30));
    await write();
    const found: string[] = [];
    const subscription = server.client.subscribeToAll({ fromPosition: position as Position, filter });
    subscription.on('data', (one) =>
      found.push(`${one.event?.streamId.slice(-1)} ${one.event?.type.slice(marker.length + 1)}`),
    );
    await eventually(() => expect(found).toEqual(expected));
    await write();
    await eventually(() => expect(found).toEqual([...expected, ...expected]));
    await subscription.unsubscribe();
  });

  test.each([
    ['the default window', {}, 100, 32],
    ['a window and an interval', { maxSearchWindow: 5, checkpointInterval: 2 }, 40, 10],
  ])('checkpoints come at the interval, in the past and live: %s', async (_name, options, count, interval) => {
    const { position } = await server.client.appendToStream(newStream(), event());
    /** How many events of the log lie between that one and this position. */
    const after = async (commit: bigint) => {
      const log = await collect(server.client.readAll({ fromPosition: position as Position }));
      return log.findIndex((one) => one.commitPosition === commit);
    };
    const write = () => server.client.appendToStream(newStream('noise'), events(count));
    for (const past of [true, false]) {
      const reached: bigint[] = [];
      const filter = streamNameFilter({
        prefixes: ['nothing-'],
        ...options,
        checkpointReached: async (_, at) => void reached.push(at.commit),
      });
      if (past) await write();
      const heard = hear(server.client.subscribeToAll({ fromPosition: position as Position, filter }));
      if (!past) {
        await eventually(() => heard.marks.includes('caught up'));
        await write();
      }
      await eventually(() => reached.length >= 2);
      const [first, second] = [await after(reached[0]!), await after(reached[1]!)];
      if (isOwnNode) expect([first, second]).toEqual([interval, 2 * interval]);
      else expect([first >= 0, second > first, second - first <= 2 * interval]).toEqual([true, true, true]);
      await heard.stop();
    }
  });

  test('a subscriber that does not keep up falls behind, gets a message of that, and misses nothing', async () => {
    const stream = newStream('slow');
    const { subscription, marks, found } = follow(server.client, stream);
    await eventually(() => marks.includes('caught up'));
    subscription().pause();
    for (let index = 0; index < 60; index += 1) {
      await server.client.appendToStream(
        stream,
        Array.from({ length: 20 }, () => event({ text: 'x'.repeat(10_000) })),
      );
    }
    subscription().resume();
    await eventually(() => expect(found).toHaveLength(1_200), { deadlineMs: 20_000 });
    expect(found.map(({ revision }) => revision)).toEqual(Array.from({ length: 1_200 }, (_, index) => BigInt(index)));
    if (isOwnNode) await eventually(() => expect(marks).toEqual(['caught up', 'fell behind', 'caught up']));
    await subscription().unsubscribe();
  });
});
