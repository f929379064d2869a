import { binaryEvent, jsonEvent } from '@eventstore/db-client';
import { copyLog } from '../../../src/tools/copy-eventstore/copy.js';
import { type CopiedEvent, copyLimits, kindOf } from '../../../src/tools/copy-eventstore/event.js';
import { collect, events } from '../../infrastructure/embedded-eventstore/server-under-test.js';
import { comparable, startSide, turns, type Side } from './side.js';

const RAW: CopiedEvent = {
  ...{ stream: 'odd', id: '11111111-2222-4333-8444-555555555555', type: 'Odd', contentType: 'application/json' },
  ...{ data: Buffer.from('{ "a" : 1.0, '), metadata: Buffer.from([0, 255]), revision: 0n, position: 0n },
  recordedAt: new Date(0),
};

const byPlace = (log: readonly CopiedEvent[]) =>
  comparable(log).sort((one, other) =>
    `${one.stream} ${one.revision}` < `${other.stream} ${other.revision}` ? -1 : 1,
  );
const isUser = (event: CopiedEvent) => !event.stream.startsWith('$');

describe('a copy of a log', () => {
  let [source, target] = [{} as Side, {} as Side];
  const copy = () => copyLog(source.server, target.server, () => undefined);

  beforeEach(async () => {
    [source, target] = [await startSide('source'), await startSide('target')];
    const { client } = source;
    await client.appendToStream('gone', events(2));
    await client.appendToStream('deleted', events(2));
    await client.appendToStream('Prüfung-日本', [jsonEvent({ type: 'Ü', data: { text: 'ä' }, metadata: { by: 'é' } })]);
    await client.appendToStream('binary', binaryEvent({ type: 'Bytes', data: Buffer.from([0, 1, 255]) }));
    await client.appendToStream('binary', binaryEvent({ type: 'Empty', data: Buffer.alloc(0) }));
    await client.appendToStream('links', binaryEvent({ type: '$>', data: Buffer.from('1@binary') }));
    await client.setStreamMetadata('binary', { maxCount: 1, custom: 'kept' });
    await client.deleteStream('deleted');
    await client.appendToStream('deleted', events(1));
    await client.tombstoneStream('gone');
    await source.write([RAW]);
  });
  afterEach(async () => {
    await source.stop();
    await target.stop();
  });

  test('has every event as it was, in the same order; a second copy writes nothing', async () => {
    await copy();
    const [wanted, found] = [await collect(source.server.log()), await collect(target.server.log())];
    expect(comparable(found.filter(isUser))).toEqual(comparable(wanted.filter(isUser)));
    expect(byPlace(found)).toEqual(byPlace(wanted));
    await expect(target.client.appendToStream('gone', events(1))).rejects.toMatchObject({ type: 'stream-deleted' });
    expect(await collect(target.client.readStream('deleted'))).toHaveLength(1);
    expect(await copy()).toBe(0);
  });

  test('goes on where a copy was interrupted', async () => {
    const log = (await collect(source.server.log())).filter(isUser).filter(({ type }) => type !== '$streamDeleted');
    await target.write(log.slice(0, 3));
    expect(await copy()).toBe((await collect(source.server.log())).length - 3);
    expect(await copy()).toBe(0);
  });

  test('refuses a target with other events, and names the stream', async () => {
    await target.client.appendToStream('foreign', events(1));
    await expect(copy()).rejects.toThrow(/stream "gone": expected .* found "foreign" revision 0/);
  });

  test('names the stream that was written to after a copy', async () => {
    await copy();
    await target.client.appendToStream('links', events(1));
    await expect(copy()).rejects.toThrow(/stream "links": expected nothing, found "links" revision 1/);
  });

  test('adds what the source got after a copy, beside metadata and tombstones that are there', async () => {
    await copy();
    const { client } = source;
    await client.appendToStream('links', events(2));
    await client.appendToStream('new', events(3));
    await client.setStreamMetadata('binary', { maxCount: 2 });
    await client.setStreamMetadata('new', { custom: 1 });
    await client.tombstoneStream('new');
    expect(await copy()).toBe(2 + 3 + 1 + 1 + 1);
    expect(byPlace(await collect(target.server.log()))).toEqual(byPlace(await collect(source.server.log())));
  });

  test('writes nothing where a stream that was copied as deleted was written to since', async () => {
    await source.client.deleteStream('links');
    await copy();
    await source.client.appendToStream('fine', events(1));
    await source.client.appendToStream('links', events(1));
    const before = await target.server.head();
    await expect(copy()).rejects.toThrow(/"links" was deleted when it was copied.*revision 1.*Nothing was written/s);
    expect(await target.server.head()).toBe(before);
  });

  test('keeps no more metadata in memory than allowed, and names the place', async () => {
    const few = { ...copyLimits, keptEvents: 2 };
    const limited = copyLog(source.server, target.server, () => undefined, few);
    await expect(limited).rejects.toThrow(/at most 2 events .* came to "\$\$deleted" revision 1.* --kept-events/s);
  });
});

describe('a copy whose appends were refused', () => {
  let [source, target] = [{} as Side, {} as Side];
  const log = turns(200, 10);
  const copy = () => copyLog(source.server, target.server, () => undefined);
  beforeEach(async () => {
    [source, target] = [await startSide('source'), await startSide('target')];
    await source.write(log);
  });
  afterEach(async () => {
    await source.stop();
    await target.stop();
  });

  test('fills the hole that later appends of other streams left', async () => {
    const lost = (event: CopiedEvent, at: number) => at >= 50 && ['turn-3', 'turn-7'].includes(event.stream);
    await target.write(log.slice(0, 100).filter((event, at) => !lost(event, at)));
    expect(await copy()).toBe(100 + 10);
    expect(await copy()).toBe(0);
    const found = comparable(await collect(target.server.log()));
    for (let stream = 0; stream < 10; stream += 1) {
      const of = (events: ReturnType<typeof comparable>) => events.filter((event) => event.stream === `turn-${stream}`);
      expect(of(found)).toEqual(of(comparable(log)));
    }
  });

  test('does not take another log for a hole, and writes nothing to it', async () => {
    await target.write(
      log.slice(20, 30).map((event) => ({ ...event, stream: `foreign-${event.stream}`, revision: 0n })),
    );
    const before = await target.server.head();
    await expect(copy()).rejects.toThrow(/stream "turn-0": expected "turn-0" revision 0.* found "foreign-turn-0"/);
    expect(await target.server.head()).toBe(before);
  });

  test('refuses a source with a gap between two appends', async () => {
    await source.sql(`delete from eventstore.events where stream = 'turn-4' and revision = 2`);
    await expect(copy()).rejects.toThrow(
      /"turn-4" of the source goes on at revision 3 where 2 was expected: .*scavenged/,
    );
  });

  test('refuses a source whose stream begins later, or has a gap within one append', async () => {
    await source.client.appendToStream('run', events(5));
    await source.sql(`delete from eventstore.events where stream = 'run' and revision = 2`);
    await expect(copy()).rejects.toThrow(/"run" of the source goes on at revision 3 where 2 was expected/);
    await source.sql(`delete from eventstore.events where stream = 'run' and revision < 2`);
    await expect(copy()).rejects.toThrow(/"run" of the source goes on at revision 3 where 0 was expected/);
  });

  test('names the stream whose event is larger than the target takes', async () => {
    const small = await startSide('target', { maxAppendBytes: 10_000 });
    try {
      await source.client.appendToStream('large', binaryEvent({ type: 'Large', data: Buffer.alloc(10_001) }));
      const refused = copyLog(source.server, small.server, () => undefined);
      await expect(refused).rejects.toThrow(/refused stream "large" at revision 0: MaximumAppendSizeExceeded/);
    } finally {
      await small.stop();
    }
  });

  test('says that something else writes to the target', async () => {
    const writing = copyLog(source.server, target.server, ({ act }) => {
      if (act !== 'copied' || interfered) return;
      interfered = target.client.appendToStream('turn-9', events(1000));
    });
    let interfered: Promise<unknown> | undefined;
    await expect(writing).rejects.toThrow(/"turn-9" of the target was expected to end before.* else writes/s);
    await interfered?.catch(() => undefined);
  });
});

test('what each server keeps for itself is not copied: system streams, and the stream of write probes with its metadata', () => {
  const kinds = (...streams: string[]) => streams.map((stream) => kindOf({ ...RAW, stream }));
  expect(kinds('$settings', '$$$settings', 'health-probe', '$$health-probe')).toEqual(Array(4).fill(undefined));
  expect(kinds('health-probes', '$$odd', 'odd')).toEqual(['event', 'metadata', 'event']);
});
