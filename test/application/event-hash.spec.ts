import { createHash } from 'node:crypto';
import { chained, contentOf, eventHash, linkOf, hashOf } from '../../src/application/log/event-hash.js';
import type { NewEvent } from '../../src/application/log/event-log.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';

const STREAM = 'workflow-0b9c8d58-7a35-5d4e-8b57-5f0d4a3f4f10';
const ids = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const events: readonly NewEvent[] = ids.map((id, index) => ({
  id,
  type: 'StepCompleted',
  data: { z: index, a: { text: 'é "quoted"', none: null } },
  metadata: { commandId: `c${index}`, reason: null },
}));
const unchained = events.map((event) => ({ event, dataHash: hashOf(event.data as never), bytes: 0 }));
const place = (index: number) => ({ stream: STREAM, revision: BigInt(index) });

const recorded = async () => {
  const log = new InMemoryEventLog(() => new Date(0));
  await log.append(STREAM, chained(STREAM, unchained, 'none', null).events, 'none');
  return (await log.read(STREAM)).events;
};

describe('the hashes of events', () => {
  test('are those of the written format, computed here by hand', () => {
    const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
    const data = sha256(String.raw`{"a":{"none":null,"text":"é \"quoted\""},"z":0}`);
    const text =
      `{"data":"${data}","id":"${ids[0]}","metadata":{"commandId":"c0","previousHash":null,"reason":null},` +
      `"revision":"0","stream":"${STREAM}","type":"StepCompleted"}`;
    expect(chained(STREAM, unchained, 'none', null).events[0]?.metadata).toMatchObject({ hash: sha256(text) });
  });

  test('hold for what is read from the log, and lead from each event to the next', async () => {
    const [first, second] = await recorded();
    expect([first, second].map((event) => (event!.metadata as { hash: string }).hash)).toEqual(
      [first, second].map((event) => eventHash(event!)),
    );
    expect(second!.metadata).toMatchObject({ previousHash: eventHash(first!) });
    expect(first!.metadata).toMatchObject({ previousHash: null });
  });

  test('go on from what stands in the stream', async () => {
    const [first] = await recorded();
    const { events: next, link } = chained(STREAM, unchained.slice(1), 0n, linkOf(first!));
    expect(next).toEqual(chained(STREAM, unchained, 'none', null).events.slice(1));
    expect(link).toBe((next[0]?.metadata as { hash: string }).hash);
  });

  test.each([
    ['its stream', { stream: `${STREAM}0` }],
    ['its revision', { revision: 1n }],
    ['its id', { id: ids[1]! }],
    ['its type', { type: 'StepFailed' }],
    ['its data', { data: { z: 0, a: { text: 'é "quoted"', none: 0 } } }],
    ['its metadata', { metadata: { commandId: 'c0', reason: 'another' } }],
  ])('change with %s', (_what, change) => {
    const event = { ...events[0]!, ...place(0) };
    expect(eventHash({ ...event, ...change })).not.toBe(eventHash(event));
  });

  test('are computed for an event that was written without one', () => {
    const [old, malformed] = [{ commandId: 'c0' }, 'not JSON'].map((metadata) => ({
      ...{ ...events[0]!, ...place(0), metadata },
    }));
    expect(linkOf(old!)).toBe(eventHash(old!));
    expect(linkOf(malformed!)).toBe(eventHash(malformed!));
  });

  test('do not depend on the order of keys, nor on members that are undefined', () => {
    const event = { ...events[0]!, ...place(0) };
    const same = { ...event, data: { a: { none: null, text: 'é "quoted"' }, z: 0, gone: undefined } };
    expect(eventHash(same)).toBe(eventHash(event));
  });

  test('give an event its id by its content, not by its place', () => {
    const content = (metadata: object) => contentOf('StepCompleted', hashOf({ z: 0 }), metadata);
    expect(content({ commandId: 'c', previousHash: 'a', hash: 'b' })).toBe(content({ commandId: 'c' }));
    expect(content({ commandId: 'c' })).not.toBe(content({ commandId: 'd' }));
  });
});
