import { jsonEvent } from '@eventstore/db-client';
import { collect, event, events, failing, newStream, outcome, serverUnderTest, ways } from '../server-under-test.js';

const server = serverUnderTest();
const append = (
  stream: string,
  added: Parameters<typeof outcome>[2],
  expected: Parameters<typeof outcome>[3],
  way: object = {},
) => outcome(server.client, stream, added, expected, way);
const revisions = async (stream: string) =>
  (await collect(server.client.readStream(stream))).map((one) => one.event?.revision);
const notFound = (streamName: string) => ({ type: 'stream-not-found', streamName });
const deleted = (streamName: string) => ({ type: 'stream-deleted', streamName });

describe('a deleted stream', () => {
  test('is not found, and goes on where it ended when it is written to again', async () => {
    const stream = newStream();
    await append(stream, events(3), 'no_stream');
    const { position } = await server.client.deleteStream(stream, { expectedRevision: 2n });
    expect(position?.commit).toBeGreaterThan(0n);
    expect(await failing(revisions(stream))).toEqual(notFound(stream));
    expect(await append(stream, event(), 'stream_exists')).toMatchObject({ type: 'stream-deleted' });
    expect(await append(stream, event(), 'no_stream')).toBe(3n);
    expect(await revisions(stream)).toEqual([3n]);
    const { metadata } = await server.client.getStreamMetadata(stream);
    expect(metadata).toEqual({ truncateBefore: 3 });
  });

  test('can be written to at its last revision, at any, or as a new one; not at a wrong one', async () => {
    for (const expected of [1n, 'any', 'no_stream'] as const) {
      const stream = newStream();
      await append(stream, events(2), 'no_stream');
      await server.client.deleteStream(stream);
      expect(await append(stream, event(), 0n)).toMatchObject({ type: 'wrong-expected-version', actualVersion: 1 });
      expect(await append(stream, event(), expected)).toBe(2n);
      expect(await revisions(stream)).toEqual([2n]);
    }
  });

  test('is deleted at the expected revision only', async () => {
    const stream = newStream();
    await append(stream, events(2), 'no_stream');
    expect(await failing(server.client.deleteStream(stream, { expectedRevision: 0n }))).toMatchObject({
      ...{ type: 'wrong-expected-version', streamName: stream, actualVersion: 1 },
    });
    expect(await failing(server.client.deleteStream(stream, { expectedRevision: 'no_stream' }))).toMatchObject({
      type: 'wrong-expected-version',
    });
    expect(await revisions(stream)).toEqual([0n, 1n]);
    await server.client.deleteStream(stream, { expectedRevision: 1n });
    await server.client.deleteStream(stream);
    expect(await failing(revisions(stream))).toEqual(notFound(stream));
  });

  test('has to have existed, if only by its metadata', async () => {
    const stream = newStream();
    for (const expectedRevision of ['any', 'no_stream'] as const) {
      expect(await failing(server.client.deleteStream(stream, { expectedRevision }))).toMatchObject({
        ...{ type: 'wrong-expected-version', streamName: stream, actualVersion: -1 },
      });
    }
    await server.client.setStreamMetadata(stream, { maxCount: 3 });
    await server.client.deleteStream(stream, { expectedRevision: 'no_stream' });
    expect(await append(stream, event(), 'stream_exists')).toMatchObject({ type: 'stream-deleted' });
    expect(await append(stream, event(), 'no_stream')).toBe(0n);
    expect(await revisions(stream)).toEqual([0n]);
  });

  test('can be deleted again, as a stream that is there no more', async () => {
    const stream = newStream();
    await append(stream, events(2), 'no_stream');
    for (const expectedRevision of ['any', 'no_stream', 1n] as const)
      await server.client.deleteStream(stream, { expectedRevision });
    expect(await failing(revisions(stream))).toEqual(notFound(stream));
    expect((await collect(server.client.readStream(`$$${stream}`))).map((one) => one.event?.revision)).toEqual([2n]);
  });

  test('comes back, with nothing to see, by an append of no events', async () => {
    const stream = newStream();
    await append(stream, events(2), 'no_stream');
    await server.client.deleteStream(stream);
    expect(await append(stream, [], 'any')).toBe(1n);
    expect(await revisions(stream)).toEqual([]);
    expect((await server.client.getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: 2 });
  });

  test('keeps what it had in $all', async () => {
    const stream = newStream();
    const { position } = await server.client.appendToStream(stream, event());
    await server.client.deleteStream(stream);
    const all = await collect(server.client.readAll({ fromPosition: position ?? 'start' }));
    const own = all.filter((one) => one.event?.streamId.endsWith(stream)); // others may write at the same time
    expect(own.map((one) => [one.event?.streamId, one.event?.type])).toEqual([
      [stream, 'Tested'],
      [`$$${stream}`, '$metadata'],
    ]);
  });

  test('comes back when metadata are written for it, empty as it is', async () => {
    const stream = newStream();
    await append(stream, events(2), 'no_stream');
    await server.client.deleteStream(stream);
    await server.client.setStreamMetadata(stream, { maxCount: 10 });
    expect(await revisions(stream)).toEqual([]);
    expect((await server.client.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 10, truncateBefore: 2 });
    expect(await append(stream, event(), 1n)).toBe(2n);
    expect(await revisions(stream)).toEqual([2n]);
  });
});

describe('a tombstoned stream', () => {
  test.each(ways)('can never be read or written again (%s)', async (_name, way) => {
    const stream = newStream();
    await append(stream, events(2), 'no_stream');
    const { position } = await server.client.tombstoneStream(stream, { expectedRevision: 1n });
    expect(await failing(revisions(stream))).toEqual(deleted(stream));
    for (const expected of ['any', 'no_stream', 'stream_exists', 1n] as const) {
      expect(await append(stream, event(), expected, way)).toEqual(deleted(stream));
    }
    expect(await failing(server.client.tombstoneStream(stream))).toEqual(deleted(stream));
    expect(await failing(server.client.deleteStream(stream))).toEqual(deleted(stream));
    expect(await failing(server.client.getStreamMetadata(stream))).toMatchObject({ type: 'stream-deleted' });
    // It takes metadata that nobody can read.
    await server.client.setStreamMetadata(stream, { maxCount: 1 });
    expect(await failing(server.client.getStreamMetadata(stream))).toMatchObject({ type: 'stream-deleted' });
    const [marker] = await collect(server.client.readAll({ fromPosition: position ?? 'start', maxCount: 1 }));
    expect(marker?.event).toMatchObject({ streamId: stream, type: '$streamDeleted', revision: 2n ** 63n - 1n });
  });

  test('need not have existed, nor be there still', async () => {
    const stream = newStream();
    await server.client.tombstoneStream(stream, { expectedRevision: 'no_stream' });
    expect(await failing(revisions(stream))).toEqual(deleted(stream));
    const gone = newStream();
    await append(gone, event(), 'any');
    await server.client.deleteStream(gone);
    await server.client.tombstoneStream(gone, { expectedRevision: 'no_stream' });
    expect(await failing(revisions(gone))).toEqual(deleted(gone));
  });
});

describe('metadata', () => {
  test('are kept as they are given, known and custom keys', async () => {
    const stream = newStream();
    expect(await server.client.getStreamMetadata(stream)).toEqual({ streamName: stream });
    const metadata = {
      maxCount: 7,
      maxAge: 100,
      truncateBefore: 2,
      cacheControl: 3,
      acl: { readRoles: ['a'], writeRoles: 'b' },
      custom: { deep: [1] },
    };
    await server.client.setStreamMetadata(stream, metadata as never, { expectedRevision: 'no_stream' });
    expect((await server.client.getStreamMetadata(stream)).metadata).toEqual(metadata);
    expect(await failing(server.client.setStreamMetadata(stream, {}, { expectedRevision: 'no_stream' }))).toMatchObject(
      { type: 'wrong-expected-version' },
    );
    await server.client.setStreamMetadata(stream, { maxCount: 8 }, { expectedRevision: 0n });
    expect((await server.client.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 8 });
    expect((await collect(server.client.readStream(`$$${stream}`))).map((one) => one.event?.revision)).toEqual([1n]);
  });

  test('make a stream exist for stream_exists, not for no_stream, and not for a read', async () => {
    const stream = newStream();
    await server.client.setStreamMetadata(stream, { maxCount: 5 });
    expect(await failing(revisions(stream))).toEqual(notFound(stream));
    expect(await append(stream, event(), 'stream_exists')).toBe(0n);
  });

  test('$maxCount, $tb and both hide the older events, in both directions', async () => {
    const stream = newStream();
    await append(stream, events(10), 'no_stream');
    await server.client.setStreamMetadata(stream, { maxCount: 3 });
    expect(await revisions(stream)).toEqual([7n, 8n, 9n]);
    await server.client.setStreamMetadata(stream, { maxCount: 3, truncateBefore: 8 });
    expect(await revisions(stream)).toEqual([8n, 9n]);
    await server.client.setStreamMetadata(stream, { truncateBefore: 6 });
    const backwards = await collect(server.client.readStream(stream, { direction: 'backwards', fromRevision: 'end' }));
    expect(backwards.map((one) => one.event?.revision)).toEqual([9n, 8n, 7n, 6n]);
    const from = await collect(server.client.readStream(stream, { fromRevision: 2n, maxCount: 2 }));
    expect(from.map((one) => one.event?.revision)).toEqual([6n, 7n]);
    await server.client.setStreamMetadata(stream, { truncateBefore: 100 });
    expect(await revisions(stream)).toEqual([]);
    expect(await append(stream, event(), 9n)).toBe(10n);
  });

  test('$maxAge hides what is older', async () => {
    const stream = newStream();
    await append(stream, events(2), 'no_stream');
    await server.client.setStreamMetadata(stream, { maxAge: 3600 });
    expect(await revisions(stream)).toEqual([0n, 1n]);
    await server.client.setStreamMetadata(stream, { maxAge: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // the age is the thing that is tried
    expect(await revisions(stream)).toEqual([]);
    await append(stream, event(), 1n);
    expect(await revisions(stream)).toEqual([2n]);
  });

  test.each<[unknown, bigint[]]>([
    [
      ['$maxCount', 1],
      [0n, 1n],
    ],
    [{ $maxCount: '1', $tb: 1 }, [0n, 1n]], // one key that is wrong spoils the others
    [{ $acl: [], $tb: 1 }, [0n, 1n]],
    [{ $maxCount: 0, $maxAge: 0, $tb: 1 }, [1n]],
    [{ $maxCount: -1, $tb: -1 }, [0n, 1n]],
    [{ $tb: 2 ** 63 }, [0n, 1n]], // as JavaScript writes the mark of a deleted stream
  ])('that are not as they should be count as none: %j', async (data, expected) => {
    const stream = newStream();
    await append(stream, events(2), 'no_stream');
    await server.client.appendToStream(`$$${stream}`, jsonEvent({ type: '$metadata', data: data as never }));
    expect(await revisions(stream)).toEqual(expected);
  });

  test('of a deleted stream can be read, of a tombstoned one not', async () => {
    const stream = newStream();
    await append(stream, event(), 'no_stream');
    await server.client.deleteStream(stream);
    expect((await collect(server.client.readStream(`$$${stream}`))).map((one) => one.event?.type)).toEqual([
      '$metadata',
    ]);
    await server.client.tombstoneStream(stream);
    expect(await failing(collect(server.client.readStream(`$$${stream}`)))).toMatchObject({ type: 'stream-deleted' });
  });
});
