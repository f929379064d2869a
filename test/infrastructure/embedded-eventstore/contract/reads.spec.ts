import { jsonEvent, type EventStoreDBClient, type Position } from '@eventstore/db-client';
import { collect, event, events, failing, newStream, serverUnderTest } from '../server-under-test.js';

const server = serverUnderTest();
type ReadOptions = Parameters<EventStoreDBClient['readStream']>[1];
const revisions = async (stream: string, options?: ReadOptions) =>
  (await collect(server.client.readStream(stream, options))).map((one) => Number(one.event?.revision));

describe('reading a stream', () => {
  const stream = newStream();
  beforeAll(() => server.client.appendToStream(stream, events(10), { expectedRevision: 'no_stream' }));

  test.each<[ReadOptions, number[]]>([
    [{}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [{ maxCount: 3 }, [0, 1, 2]],
    [{ fromRevision: 7n }, [7, 8, 9]],
    [{ fromRevision: 4n, maxCount: 2 }, [4, 5]],
    [{ fromRevision: 10n }, []],
    [{ fromRevision: 2n ** 63n - 1n }, []],
    [{ direction: 'backwards' }, [0]],
    [{ direction: 'backwards', fromRevision: 'end' }, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    [{ direction: 'backwards', fromRevision: 'end', maxCount: 1 }, [9]],
    [{ direction: 'backwards', fromRevision: 3n }, [3, 2, 1, 0]],
    [{ direction: 'backwards', fromRevision: 3n, maxCount: 2 }, [3, 2]],
    [{ direction: 'backwards', fromRevision: 50n, maxCount: 2 }, [9, 8]],
    [{ direction: 'backwards', fromRevision: 2n ** 64n - 1n, maxCount: 2 }, [9, 8]],
  ])('%p', async (options, expected) => {
    expect(await revisions(stream, options)).toEqual(expected);
  });

  test.each<ReadOptions>([
    { maxCount: 0 },
    { maxCount: 0, direction: 'backwards' },
    { fromRevision: 'end' },
    { fromRevision: 2n ** 64n - 1n },
    { fromRevision: 2n ** 63n },
  ])('%p is refused', async (options) => {
    await expect(revisions(stream, options)).rejects.toThrow();
  });

  test('that does not exist fails, in both directions', async () => {
    const missing = newStream('größe');
    for (const direction of ['forwards', 'backwards'] as const) {
      const failure = (await failing(revisions(missing, { direction }))) as { type: string; streamName: string };
      expect(failure).toMatchObject({ type: 'stream-not-found' });
    }
  });

  test('with large events gives them all', async () => {
    const large = newStream();
    for (let index = 0; index < 8; index += 1)
      await server.client.appendToStream(large, event({ text: 'x'.repeat(900 * 1024) }));
    expect(await revisions(large)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await revisions(large, { direction: 'backwards', fromRevision: 'end' })).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
  });
});

describe('reading $all', () => {
  const [one, two] = [newStream(), newStream()];
  const positions: Position[] = [];
  beforeAll(async () => {
    for (const stream of [one, two, one, two]) {
      const { position } = await server.client.appendToStream(stream, event());
      if (position) positions.push(position);
    }
  });
  const own = (found: { streamId: string } | undefined) => found?.streamId === one || found?.streamId === two;
  /** Ours of the next many: others may write at the same time. */
  const places = async (options: Parameters<EventStoreDBClient['readAll']>[0]) =>
    (await collect(server.client.readAll({ maxCount: 5_000, ...options })))
      .filter(({ event: found }) => own(found))
      .map(({ event: found }) => `${found?.streamId === one ? 'one' : 'two'} ${found?.revision}`);

  test('gives the events of all streams in the order in which they were written', async () => {
    expect(await places({ fromPosition: positions[0] ?? 'end' })).toEqual(['one 0', 'two 0', 'one 1', 'two 1']);
    const backwards = { direction: 'backwards', fromPosition: 'end' } as const;
    expect(await places(backwards)).toEqual(['two 1', 'one 1', 'two 0', 'one 0']);
  });

  test('forwards from a position gives that event, backwards what comes before it', async () => {
    const fromPosition = positions[1] ?? 'start';
    expect(await places({ fromPosition })).toEqual(['two 0', 'one 1', 'two 1']);
    const [first] = await collect(server.client.readAll({ fromPosition, maxCount: 1 }));
    expect(first?.event?.streamId).toBe(two);
    expect(await places({ fromPosition, direction: 'backwards' })).toEqual(['one 0']);
  });

  test('forwards from the end and backwards from the start give nothing', async () => {
    expect(await collect(server.client.readAll({ fromPosition: 'end' }))).toEqual([]);
    expect(await collect(server.client.readAll({ direction: 'backwards', fromPosition: 'start' }))).toEqual([]);
  });

  test('stops at the count, and every event has its position', async () => {
    const read = await collect(server.client.readAll({ maxCount: 3 }));
    expect(read).toHaveLength(3);
    const found = read.map((item) => item.commitPosition ?? 0n);
    expect(found).toEqual([...found].sort((a, b) => Number(a - b)));
    expect(read.every((item) => item.event?.position.commit === item.commitPosition)).toBe(true);
  });
});

describe('links', () => {
  const [target, gone, links] = [newStream('target'), newStream('gone'), newStream('links')];
  const link = (revision: number, stream: string) => jsonEvent({ type: '$>', data: `${revision}@${stream}` as never });
  /** What the server itself writes: the text alone, not as a JSON string. */
  const asWritten = (revision: number, stream: string) => ({
    ...link(revision, stream),
    contentType: 'application/octet-stream' as const,
    data: Buffer.from(`${revision}@${stream}`),
  });
  beforeAll(async () => {
    await server.client.appendToStream(target, events(3));
    await server.client.appendToStream(gone, events(1));
    await server.client.appendToStream(links, [
      asWritten(1, target),
      asWritten(0, gone),
      asWritten(7, target),
      asWritten(2, target),
    ] as never);
    await server.client.deleteStream(gone);
  });

  test('are given as they are unless they are to be resolved', async () => {
    const read = await collect(server.client.readStream(links));
    expect(read.map((one) => [one.event?.type, one.link])).toEqual(Array.from({ length: 4 }, () => ['$>', undefined]));
  });

  test('bring the event they point to, and come alone where it is gone', async () => {
    const read = await collect(server.client.readStream(links, { resolveLinkTos: true }));
    expect(read.map((one) => [one.event?.streamId, one.event?.revision, one.link?.revision])).toEqual([
      [target, 1n, 0n],
      [undefined, undefined, 1n],
      [undefined, undefined, 2n],
      [target, 2n, 3n],
    ]);
    const [first] = read;
    expect(first?.commitPosition).toBe(first?.link?.position?.commit);
    const [original] = await collect(
      server.client.readStream(first!.event!.streamId, { fromRevision: first!.event!.revision }),
    );
    expect(first?.event?.position).toEqual(original?.event?.position);
    expect(first!.event!.position!.commit).toBeLessThan(first!.link!.position!.commit);
  });

  test('that do not begin with a number are events as others', async () => {
    const stream = newStream();
    await server.client.appendToStream(stream, { ...asWritten(0, target), data: Buffer.from('nowhere') });
    const [read] = await collect(server.client.readStream(stream, { resolveLinkTos: true }));
    expect([read?.event?.type, read?.link]).toEqual(['$>', undefined]);
  });

  test('are resolved in $all and in subscriptions too', async () => {
    const [before] = await collect(server.client.readStream(target, { maxCount: 1 }));
    const fromPosition = before?.event?.position ?? 'start';
    const all = await collect(server.client.readAll({ fromPosition, resolveLinkTos: true }));
    expect(all.filter((one) => one.link?.streamId === links).map((one) => one.event?.streamId)).toEqual([
      target,
      undefined,
      undefined,
      target,
    ]);
    const subscription = server.client.subscribeToStream(links, { resolveLinkTos: true });
    const heard = await collect(subscription, (some) => some.length === 4);
    expect(heard.map((one) => one.event?.streamId)).toEqual([target, undefined, undefined, target]);
    await subscription.unsubscribe();
  });
});
