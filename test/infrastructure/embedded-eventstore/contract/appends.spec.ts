import { binaryEvent, jsonEvent } from '@eventstore/db-client';
import { connect } from '../../../../src/infrastructure/eventstore/connect.js';
import {
  closeClient,
  collect,
  event,
  events,
  failing,
  newStream,
  outcome,
  serverUnderTest,
  ways,
} from '../server-under-test.js';

const server = serverUnderTest();

describe.each(ways)('%s', (_name, way) => {
  const append = (stream: string, added: Parameters<typeof outcome>[2], expected: Parameters<typeof outcome>[3]) =>
    outcome(server.client, stream, added, expected, way);
  const conflict = (streamName: string, actualVersion: number | 'no_stream') => ({
    type: 'wrong-expected-version',
    streamName,
    actualVersion,
  });

  test('keeps to the revision that the caller expects', async () => {
    const stream = newStream();
    expect(await append(stream, event(), 'stream_exists')).toEqual(conflict(stream, 'no_stream'));
    expect(await append(stream, event(), 0n)).toEqual(conflict(stream, 'no_stream'));
    expect(await append(stream, event(), 'no_stream')).toBe(0n);
    expect(await append(stream, event(), 'no_stream')).toEqual(conflict(stream, 0));
    expect(await append(stream, event(), 'stream_exists')).toBe(1n);
    expect(await append(stream, event(), 'any')).toBe(2n);
    expect(await append(stream, event(), 1n)).toEqual(conflict(stream, 2));
    expect(await append(stream, event(), 3n)).toEqual(conflict(stream, 2));
    expect(await append(stream, events(3), 2n)).toBe(5n);
  });

  test('tells the position of the last event, which grows', async () => {
    const stream = newStream();
    const first = await server.client.appendToStream(stream, events(2), way);
    const second = await server.client.appendToStream(stream, event(), way);
    const [, last] = await collect(server.client.readStream(stream, { maxCount: 2 }));
    expect(first.position).toEqual(last?.event?.position);
    expect(second.position?.commit).toBeGreaterThan(first.position?.commit ?? 0n);
  });

  test('is idempotent by event ids at an exact revision, however much was written since', async () => {
    const stream = newStream();
    const [one, two] = [events(2), events(2)];
    expect(await append(stream, one, 'no_stream')).toBe(1n);
    expect(await append(stream, two, 1n)).toBe(3n);
    await append(stream, events(5), 'any');
    expect(await append(stream, one, 'no_stream')).toBe(1n);
    expect(await append(stream, two, 1n)).toBe(3n);
    expect(await append(stream, [...one, event()], 'no_stream')).toEqual(conflict(stream, 8));
    expect(await append(stream, [...one, ...two], 'no_stream')).toBe(3n);
    expect(await append(stream, one, 1n)).toEqual(conflict(stream, 8));
  });

  test('is idempotent by recent event ids for any and stream_exists', async () => {
    const stream = newStream();
    const one = events(2);
    expect(await append(stream, one, 'any')).toBe(1n);
    await append(stream, event(), 'any');
    expect(await append(stream, one, 'any')).toBe(1n);
    expect(await append(stream, one, 'stream_exists')).toBe(1n);
    expect(await append(stream, [...one, event()], 'any')).toEqual(conflict(stream, 2));
    expect(await append(newStream(), one, 'any')).toBe(1n);
  });

  test('knows the first place of an id that was written twice', async () => {
    const [first, second] = [newStream(), newStream()];
    const one = event();
    expect(await append(first, one, 'any')).toBe(0n);
    expect(await append(second, one, 'any')).toBe(0n);
    expect(await append(first, one, 'any')).toBe(0n);
    expect(await append(second, one, 'any')).toBe(1n);
    expect(await append(first, [event(), one], 'any')).toBe(2n); // only what the first id says counts
    expect(await append(first, [one, event()], 'any')).toEqual(conflict(first, 2));
  });

  test('of no events is answered as it would be written', async () => {
    const stream = newStream();
    expect(await append(stream, [], 0n)).toEqual(conflict(stream, 'no_stream'));
    expect(await append(stream, [], 'stream_exists')).toEqual(conflict(stream, 'no_stream'));
    await append(stream, events(2), 'no_stream');
    for (const expected of ['any', 'stream_exists', 1n] as const) expect(await append(stream, [], expected)).toBe(1n);
    for (const expected of ['no_stream', 0n, 2n] as const)
      expect(await append(stream, [], expected)).toEqual(conflict(stream, 1));
    const { position } = await server.client.appendToStream(stream, [], way);
    expect(position?.commit).toBeGreaterThan(0n);
    expect(await collect(server.client.readStream(stream))).toHaveLength(2);
  });

  test('takes ids in the usual forms, and none without an id or a type', async () => {
    const stream = newStream();
    const id = '0c1a3f56-9b7d-4e21-8a6b-5d4c3b2a1f0e';
    for (const form of [id, id.toUpperCase(), id.replaceAll('-', ''), `{${id}}`, `(${id})`, ` ${id} `])
      expect(await append(stream, event({}, 'Tested', form), 'no_stream')).toBe(0n);
    for (const form of ['', 'x', id.slice(1), `{${id})`, `{${id}`, id.replace('-', ''), '0'.repeat(32)])
      await expect(server.client.appendToStream(stream, event({}, 'Tested', form), way)).rejects.toThrow();
    await expect(server.client.appendToStream(stream, event({}, ''), way)).rejects.toThrow();
    expect((await collect(server.client.readStream(stream))).map((one) => one.event?.id)).toEqual([id]);
  });

  test('keeps ids, types, bytes, metadata and content types', async () => {
    const stream = newStream('ünïcode 漢字');
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await server.client.appendToStream(
      stream,
      [
        jsonEvent({ type: 'ä-type', data: { a: 'ß' }, metadata: { m: 1 } }),
        binaryEvent({ type: 'binary', data: bytes, metadata: bytes }),
        jsonEvent({ type: 'no-metadata', data: [] as never }),
      ],
      way,
    );
    const [text, binary, bare] = (await collect(server.client.readStream(stream))).map((one) => one.event);
    expect(text).toMatchObject({
      streamId: stream,
      type: 'ä-type',
      data: { a: 'ß' },
      metadata: { m: 1 },
      isJson: true,
    });
    expect(binary?.isJson).toBe(false);
    expect(Buffer.from(binary?.data as Uint8Array).equals(bytes)).toBe(true);
    expect(Buffer.from(binary?.metadata as Uint8Array).equals(bytes)).toBe(true);
    expect(bare).toMatchObject({ data: [], isJson: true });
    expect(bare?.metadata).toBeUndefined();
    expect(Math.abs(Number(text?.created) - Date.now())).toBeLessThan(60_000);
  });

  test('of more than the maximum size is refused, and nothing of it is written', async () => {
    const stream = newStream();
    const big = event({ text: 'x'.repeat(600 * 1024) });
    expect(await append(stream, [big, event({ text: 'y'.repeat(600 * 1024) })], 'any')).toEqual({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1024 * 1024,
    });
    expect(await append(stream, event({ text: 'x'.repeat(5 * 1024 * 1024) }), 'any')).toMatchObject({
      type: 'maximum-append-size-exceeded',
    });
    expect(await append(stream, big, 'no_stream')).toBe(0n);
  });
});

test('a batch stream answers each append by itself, failures among successes', async () => {
  const [good, bad] = [newStream('good'), newStream('bad')];
  const answers = await Promise.all([
    outcome(server.client, good, events(3), 'no_stream'),
    outcome(server.client, bad, event(), 7n),
    outcome(server.client, good, event(), 2n),
    outcome(server.client, newStream(), event({ text: 'x'.repeat(4 * 1024 * 1024) }), 'any'),
    outcome(server.client, good, event(), 3n),
  ]);
  expect(answers).toEqual([
    2n,
    expect.objectContaining({ type: 'wrong-expected-version' }),
    3n,
    expect.objectContaining({ type: 'maximum-append-size-exceeded' }),
    4n,
  ]);
});

test('an append whose parts come one after the other is one append', async () => {
  const stream = newStream();
  const parts = { batchAppendSize: 2_000 }; // the client cuts at 3 MiB unless told otherwise
  const added = Array.from({ length: 20 }, (_, index) => event({ index, text: 'x'.repeat(900) }));
  const other = newStream();
  const answers = await Promise.all([
    server.client.appendToStream(stream, added, { ...parts, expectedRevision: 'no_stream' }),
    server.client.appendToStream(other, added.slice(0, 3), { ...parts, expectedRevision: 'no_stream' }),
  ]);
  expect(answers.map(({ nextExpectedRevision }) => nextExpectedRevision)).toEqual([19n, 2n]);
  expect((await collect(server.client.readStream(stream))).map((one) => one.event?.id)).toEqual(
    added.map(({ id }) => id),
  );
  const tooMuch = Array.from({ length: 3 }, () => event({ text: 'x'.repeat(400 * 1024) }));
  expect(await failing(server.client.appendToStream(stream, tooMuch, parts))).toMatchObject({
    type: 'maximum-append-size-exceeded',
  });
  expect(await outcome(server.client, stream, event(), 19n)).toBe(20n);
});

test('a batch append whose deadline has passed is answered so', async () => {
  expect(await failing(server.client.appendToStream(newStream(), event(), { deadline: -1_000 }))).toMatchObject({
    type: 'deadline-exceeded',
  });
});

test('an answer instead of an error, where the client asks for it', async () => {
  const lenient = connect(`${server.url}&throwOnAppendFailure=false`);
  const stream = newStream();
  expect(await lenient.appendToStream(stream, event(), { expectedRevision: 3n, ...ways[0]![1] })).toMatchObject({
    success: false,
    nextExpectedRevision: -1n,
  });
  await lenient.appendToStream(stream, events(2));
  expect(
    await lenient.appendToStream(stream, event(), { expectedRevision: 'no_stream', ...ways[0]![1] }),
  ).toMatchObject({ success: false, nextExpectedRevision: 1n });
  await closeClient(lenient);
});
