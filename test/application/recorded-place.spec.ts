import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { asRecorded, keepPlace } from '../../src/application/log/recorded-place.js';

const place = { position: 181n, recordedAt: new Date('2026-01-02T03:04:05.678Z') };
const event = (metadata: unknown): RecordedEvent => ({
  ...{ id: 'an id', type: 'StepStarted', data: {}, metadata, stream: 'workflow-a', revision: 0n, position: 9_000n },
  recordedAt: new Date('2026-06-06T00:00:00.000Z'),
});
/** As the adapters read stored metadata. */
const read = (bytes: Uint8Array): unknown => {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
};

test.each([
  ['an object', '{"actor":{"id":"ann"},"hash":"00","n":1.0}'],
  ['an empty object', '{}'],
  ['an object with white space', '\n { "a" : 1 }'],
  ['an array', '[1,2]'],
  ['null', 'null'],
  ['nothing', ''],
  ['no JSON', '{ "a" : '],
  ['a member of that name with another meaning', '{"movedFrom":"here","b":2}'],
])('metadata that are %s are the same after a copy, and the event has its place and time back', (_what, text) => {
  const copied = keepPlace(Buffer.from(text), true, place);
  expect(asRecorded(event(read(copied)))).toEqual({
    ...event(read(Buffer.from(text))),
    ...{ recordedAt: place.recordedAt, movedFrom: place.position },
  });
});

test('metadata of an event that is not JSON, which readers get as text, are the same after a copy', () => {
  for (const text of ['{"a":1}', 'plain', '']) {
    const copied = keepPlace(Buffer.from(text), false, place).toString('utf8');
    expect(asRecorded(event(copied)).metadata).toEqual(text === '' ? null : text);
    expect(asRecorded(event(JSON.parse(copied))).metadata).toEqual(read(Buffer.from(text)));
  }
});

test('all bytes but those of the place stay as they were', () => {
  const text = '{"a" :  1.0,"a":2}';
  const kept = '{"movedFrom":{"position":"181","recordedAt":"2026-01-02T03:04:05.678Z"},"a" :  1.0,"a":2}';
  expect(keepPlace(Buffer.from(text), true, place).toString('utf8')).toBe(kept);
});

test('a second copy leaves the place of the recording as it is', () => {
  const once = keepPlace(Buffer.from('{"a":1}'), true, place);
  expect(keepPlace(once, true, { position: 9_000n, recordedAt: new Date(0) })).toEqual(once);
});

test.each([
  [{ position: '7' }],
  [{ position: '-7', recordedAt: '2026-01-02T03:04:05.678Z' }],
  [{ position: 7, recordedAt: '2026-01-02T03:04:05.678Z' }],
  [{ position: '7', recordedAt: 'yesterday' }],
  [{ position: '7', recordedAt: '2026-01-02T03:04:05.678Z', more: true }],
  ['7'],
])('metadata that do not hold a place are left as they are: %j', (movedFrom) => {
  const given = event({ movedFrom, a: 1 });
  expect(asRecorded(given)).toBe(given);
});
