/** Messages that are written and read by hand say what the generated classes say. */
import fc from 'fast-check';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import duration from 'google-protobuf/google/protobuf/duration_pb.js';
import type { NewEvent } from '../../../src/application/log/event-log.js';
import type { Json } from '../../../src/domain/json.js';
import { encodeReadEvent } from '../../../src/infrastructure/embedded-eventstore/wire/encode-event.js';
import { decodeAnswer, encodeAppend } from '../../../src/infrastructure/eventstore/append-messages.js';
import { decodeMessage, subscriptionRequest } from '../../../src/infrastructure/eventstore/read-messages.js';
import { FieldReader } from '../../../src/infrastructure/protobuf/field-reader.js';

const LARGEST = 2n ** 63n - 1n;
const number = fc.oneof(
  fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 49n - 1n, 2n ** 49n, 2n ** 53n, LARGEST),
  fc.bigInt({ min: 0n, max: LARGEST }),
);
const text = fc.string({ unit: 'grapheme', maxLength: 50 });
const json = fc.jsonValue() as fc.Arbitrary<Json>;

const proposed: fc.Arbitrary<NewEvent> = fc.record({ id: fc.uuid(), type: text, data: json, metadata: json });

/** Milliseconds in field 7 of the options, which the client's classes are too old for. */
const spanOf = (bytes: Buffer): number => {
  const field = (of: Buffer, number: number): Buffer => {
    const reader = new FieldReader(of);
    let found = Buffer.alloc(0) as Buffer;
    while (reader.next()) {
      if (reader.field === number) found = reader.buffer();
      else reader.skip();
    }
    return found;
  };
  const span = duration.Duration.deserializeBinary(field(field(bytes, 2), 7));
  return span.getSeconds() * 1_000 + span.getNanos() / 1e6;
};

test('an append, whose deadline is a span and no instant', () => {
  fc.assert(
    fc.property(
      number,
      text,
      fc.array(proposed, { minLength: 1, maxLength: 4 }),
      fc.oneof(number, fc.constant('none' as const)),
      fc.nat({ max: 4e9 }),
      (sent, stream, events, expected, withinMs) => {
        const bytes = encodeAppend({ number: sent, stream, events, expected, withinMs });
        const read = streams.BatchAppendReq.deserializeBinary(bytes);
        const options = read.getOptions()!;
        expect(read.getCorrelationId()?.getStructured()?.getLeastSignificantBits()).toBe(String(sent));
        expect(read.getIsFinal()).toBe(true);
        expect(Buffer.from(options.getStreamIdentifier()!.getStreamName_asU8()).toString()).toBe(stream);
        expect(options.hasNoStream()).toBe(expected === 'none');
        expect(options.hasStreamPosition()).toBe(expected !== 'none');
        if (expected !== 'none') expect(options.getStreamPosition()).toBe(String(expected));
        expect(options.hasDeadline()).toBe(false);
        expect(spanOf(bytes)).toBe(withinMs);
        const found = read.getProposedMessagesList().map((message) => ({
          id: message.getId()?.getString(),
          properties: Object.fromEntries(message.getMetadataMap().toArray()),
          data: JSON.parse(Buffer.from(message.getData_asU8()).toString()) as Json,
          metadata: JSON.parse(Buffer.from(message.getCustomMetadata_asU8()).toString()) as Json,
        }));
        const sentAs = (value: Json) => JSON.parse(JSON.stringify(value)) as Json;
        expect(found).toEqual(
          events.map(({ id, type, data, metadata }) => ({
            ...{ id, properties: { type, 'content-type': 'application/json' } },
            ...{ data: sentAs(data), metadata: sentAs(metadata) },
          })),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test('a subscription', () => {
  fc.assert(
    fc.property(
      fc.array(text, { maxLength: 5 }),
      fc.oneof(number, fc.constant('start' as const)),
      (prefixes, after) => {
        const read = streams.ReadReq.deserializeBinary(subscriptionRequest(prefixes, after));
        expect(JSON.parse(JSON.stringify(read.toObject()))).toEqual({
          options: {
            ...{ readDirection: 0, resolveLinks: false, count: '0', subscription: {}, uuidOption: { string: {} } },
            all:
              after === 'start'
                ? { start: {} }
                : { position: { commitPosition: `${after}`, preparePosition: `${after}` } },
            filter: {
              ...{ streamIdentifier: { regex: '', prefixList: prefixes }, max: 0, count: {} },
              checkpointintervalmultiplier: 1,
            },
          },
        });
      },
    ),
  );
});

test('an answer, whichever form of its number the server chooses', () => {
  fc.assert(
    fc.property(number, number, number, fc.boolean(), (sent, revision, position, isText) => {
      const uuid = new shared.UUID();
      const hex = `${'0'.repeat(16)}${sent.toString(16).padStart(16, '0')}`;
      if (isText) uuid.setString(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
      else uuid.setStructured(new shared.UUID.Structured().setLeastSignificantBits(String(sent)));
      const place = new shared.AllStreamPosition().setCommitPosition(`${position}`).setPreparePosition(`${position}`);
      const success = new streams.BatchAppendResp.Success().setCurrentRevision(`${revision}`).setPosition(place);
      const name = new shared.StreamIdentifier().setStreamName(Buffer.from('stream'));
      const answer = new streams.BatchAppendResp().setCorrelationId(uuid).setStreamIdentifier(name).setSuccess(success);
      expect(decodeAnswer(Buffer.from(answer.serializeBinary()))).toEqual({
        ...{ number: sent, answer: { revision, position } },
      });
    }),
  );
});

describe('what a subscription is sent', () => {
  const created = 1_700_000_000_123;
  const stored = (data: Uint8Array, metadata: Uint8Array, isJson = true) => ({
    ...{
      id: 'a3bb189e-8bf9-4c1e-9c5e-1f0a3c7b7a11',
      type: 'Happened',
      stream: 'workflow-é',
      json: isJson,
      data,
      metadata,
    },
    ...{ revision: 3n, position: 77n, created },
  });
  const event = (data: Uint8Array, metadata: Uint8Array, isJson = true) =>
    decodeMessage(encodeReadEvent({ event: stored(data, metadata, isJson) }, false));

  test('an event', () => {
    expect(event(Buffer.from('{"a":"ü"}'), Buffer.from('[1]'))).toEqual({
      kind: 'event',
      event: {
        ...{ id: 'a3bb189e-8bf9-4c1e-9c5e-1f0a3c7b7a11', type: 'Happened', stream: 'workflow-é' },
        ...{ revision: 3n, position: 77n, recordedAt: new Date(created), data: { a: 'ü' }, metadata: [1] },
      },
    });
  });

  test.each([
    ['bytes', Buffer.from('hello'), Buffer.alloc(0), false, 'hello', null],
    ['what calls itself JSON', Buffer.from('{"a":'), Buffer.from('x'), true, '{"a":', 'x'],
    ['nothing', Buffer.alloc(0), Buffer.alloc(0), true, '', null],
  ])('an event of %s is there as text', (_name, data, metadata, isJson, seen, seenMetadata) => {
    expect(event(data, metadata, isJson)).toMatchObject({ event: { data: seen, metadata: seenMetadata } });
  });

  test('checkpoints, the end of the past, and what is not asked for', () => {
    const of = (message: InstanceType<typeof streams.ReadResp>) =>
      decodeMessage(Buffer.from(message.serializeBinary()));
    const checkpoint = new streams.ReadResp.Checkpoint().setCommitPosition('9').setPreparePosition('8');
    expect(of(new streams.ReadResp().setCheckpoint(checkpoint))).toEqual({ kind: 'checkpoint', position: 9n });
    expect(of(new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()))).toEqual({ kind: 'caught-up' });
    expect(of(new streams.ReadResp().setFellBehind(new streams.ReadResp.FellBehind()))).toBeNull();
    const confirmation = new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId('one');
    expect(of(new streams.ReadResp().setConfirmation(confirmation))).toBeNull();
  });
});

/** Every field of every message in it. */
const readAll = (reader: FieldReader): number => {
  let fields = 0;
  while (reader.next()) {
    fields += 1;
    reader.skip();
  }
  return fields;
};

test('whatever the bytes, a reader ends: with the fields of a message, or with what is wrong', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        expect(readAll(new FieldReader(Buffer.from(bytes)))).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
    { numRuns: 1_000 },
  );
  const whole = encodeAppend({ number: 5n, stream: 'a', events: [], expected: 3n, withinMs: 1 });
  expect(readAll(new FieldReader(whole))).toBe(3);
  expect(() => readAll(new FieldReader(whole.subarray(0, -1)))).toThrow(/an end in the middle of a field/);
  expect(() => readAll(new FieldReader(Buffer.from([0x0a, 5, 1])))).toThrow(/longer than its message/);
  expect(() => readAll(new FieldReader(Buffer.from([0])))).toThrow(/field number of 0/);
});
