/** What is read by hand is what the generated classes read; what has another form is left to them. */
import fc from 'fast-check';
import sharedMessages from '@eventstore/db-client/generated/shared_pb.js';
import messages from '@eventstore/db-client/generated/streams_pb.js';
import { hotAppendIn } from '../../../src/infrastructure/embedded-eventstore/wire/hot-append.js';
import { batchAppendPart } from '../../../src/infrastructure/embedded-eventstore/wire/protocol.js';
import { withSpan } from './server-under-test.js';

const { BatchAppendReq } = messages;
const { Empty, StreamIdentifier, UUID } = sharedMessages;

const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(5_000).fill(7)));
const event = fc.record({
  id: fc.uuid(),
  type: fc.string({ unit: 'grapheme', minLength: 1 }),
  data: bytes,
  metadata: bytes,
});
const append = fc.record({
  correlation: fc.oneof(fc.uuid(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
  stream: fc.string({ unit: 'grapheme', minLength: 1 }),
  expected: fc.oneof(fc.constant('no_stream' as const), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
  events: fc.array(event, { maxLength: 5 }),
});
type Append = Parameters<typeof requestOf>[0];

const proposed = ({ id, type, data, metadata }: Append['events'][number]) => {
  const message = new BatchAppendReq.ProposedMessage().setId(new UUID().setString(id));
  message.setData(data).setCustomMetadata(metadata);
  message.getMetadataMap().set('type', type).set('content-type', 'application/json');
  return message;
};

function requestOf({ correlation, stream, expected, events }: typeof append extends fc.Arbitrary<infer A> ? A : never) {
  const options = new BatchAppendReq.Options();
  options.setStreamIdentifier(new StreamIdentifier().setStreamName(Buffer.from(stream)));
  if (expected === 'no_stream') options.setNoStream(new Empty());
  else options.setStreamPosition(expected.toString());
  const structured = new UUID.Structured();
  if (typeof correlation === 'bigint') structured.setLeastSignificantBits(correlation.toString());
  const id = typeof correlation === 'string' ? new UUID().setString(correlation) : new UUID().setStructured(structured);
  const request = new BatchAppendReq().setCorrelationId(id).setOptions(options);
  return request.setProposedMessagesList(events.map(proposed)).setIsFinal(true);
}

test('any append of the usual form', () => {
  fc.assert(
    fc.property(append, (given) => {
      const hot = hotAppendIn(withSpan(requestOf(given)))!;
      const { stream, expected, events } = given;
      expect(hot.stream.toString()).toBe(stream);
      expect([hot.expected, hot.spanMs]).toEqual([expected, 10_000]);
      expect(UUID.deserializeBinary(hot.correlation).toObject()).toEqual(
        requestOf(given).getCorrelationId()!.toObject(),
      );
      const plain = (all: readonly { id: string; type: string; data: Uint8Array; metadata: Uint8Array }[]) =>
        all.map(({ id, type, data, metadata }) => [
          id,
          type,
          Buffer.from(data).toString('hex'),
          Buffer.from(metadata).toString('hex'),
        ]);
      expect(plain(hot.events)).toEqual(plain(events));
    }),
    { numRuns: 200 },
  );
});

const one: Append = {
  ...{ correlation: 7n, stream: 'stream', expected: 3n },
  events: [
    {
      id: '6f9a2b1e-0d5c-4f7e-9a51-1d8f5be4a111',
      type: 'Tested',
      data: Buffer.from('{}'),
      metadata: Buffer.from('{}'),
    },
  ],
};
const changed = (change: (request: ReturnType<typeof requestOf>) => unknown) => {
  const request = requestOf(one);
  change(request);
  return withSpan(request);
};
const properties = (request: ReturnType<typeof requestOf>) => request.getProposedMessagesList()[0]!.getMetadataMap();

test.each<[string, Buffer]>([
  ['any', changed((request) => request.getOptions()!.setAny(new Empty()))],
  ['stream_exists', changed((request) => request.getOptions()!.setStreamExists(new Empty()))],
  [
    'an expected revision that is too large',
    changed((request) => request.getOptions()!.setStreamPosition((2n ** 63n).toString())),
  ],
  ['no expectation', changed((request) => request.getOptions()!.clearStreamPosition())],
  ['no stream', changed((request) => request.getOptions()!.setStreamIdentifier(undefined))],
  ['more that comes later', changed((request) => request.setIsFinal(false))],
  ['no correlation', changed((request) => request.setCorrelationId(undefined))],
  ['a correlation that is none', changed((request) => request.setCorrelationId(new UUID().setString('none')))],
  ['an empty correlation', changed((request) => request.setCorrelationId(new UUID()))],
  [
    'an id in another form',
    changed((request) => request.getProposedMessagesList()[0]!.setId(new UUID().setString('a'.repeat(32)))),
  ],
  ['no id', changed((request) => request.getProposedMessagesList()[0]!.setId(undefined))],
  [
    'an event that is not JSON',
    changed((request) => properties(request).set('content-type', 'application/octet-stream')),
  ],
  ['no type', changed((request) => properties(request).del('type'))],
  ['another property', changed((request) => properties(request).set('other', 'x'))],
  ['a part twice', Buffer.concat([withSpan(requestOf(one)), withSpan(requestOf(one))])],
  ['a field that is not known', Buffer.concat([withSpan(requestOf(one)), Buffer.from([5 << 3, 1])])],
])('%s is another form, which the generated classes read', (_name, message) => {
  expect(hotAppendIn(message)).toBeUndefined();
  expect(batchAppendPart(message).spanMs).toBe(10_000);
});

test('what is cut off anywhere is no message, or has another form', () => {
  const whole = withSpan(requestOf(one));
  for (let end = 0; end < whole.length; end++) expect(hotAppendIn(whole.subarray(0, end))).toBeUndefined();
});

test('an event keeps no memory alive but that of its append', () => {
  const pool = Buffer.alloc(100_000);
  const message = withSpan(requestOf(one));
  pool.set(message, 5_000);
  const { events } = hotAppendIn(pool.subarray(5_000, 5_000 + message.length))!;
  expect(events[0]!.data.buffer.byteLength).toBe(message.length);
});
