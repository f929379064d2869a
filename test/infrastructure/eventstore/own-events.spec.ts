/** What a client appended itself comes to its subscriptions as the log would bring it, or from the log. */
import fc from 'fast-check';
import { LogUnavailable, type NewEvent, type RecordedEvent } from '../../../src/application/log/event-log.js';
import { OwnEvents } from '../../../src/infrastructure/eventstore/own-events.js';
import { InMemoryEventLog } from '../../../src/testing/in-memory.event-log.js';

const AT = new Date('2026-01-01T00:00:00.000Z');
const newLog = () => new InMemoryEventLog(() => AT, undefined, 1n);
/** Time that passes when the test says so. */
class Bell {
  private readonly wakes = new Set<() => void>();
  wakeAfter(_: number, wake: () => void): () => void {
    this.wakes.add(wake);
    return () => this.wakes.delete(wake);
  }
  ring(): void {
    for (const wake of [...this.wakes]) wake();
  }
}

let ids = 0;
const event = (data: unknown = { n: ids }): NewEvent => ({
  id: `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
  type: 'Happened',
  data: data as NewEvent['data'],
  metadata: { by: 'test' },
});
const all = () => true;

/** Appends to both, as a client does that gets its answer. */
const put = async (
  log: InMemoryEventLog,
  own: OwnEvents | null,
  stream: string,
  events: readonly NewEvent[],
  bytes = 1,
) => {
  const { revision } = await log.read(stream);
  const appended = await log.append(stream, events, revision);
  const keep = () => own?.keep(stream, events, { ...appended, created: AT.getTime() }, bytes);
  return { ...appended, keep };
};
const allOf = async (log: InMemoryEventLog): Promise<readonly RecordedEvent[]> => log.page('start', 1_000);

test('as the log has them, in its order, in whichever order the answers came', async () => {
  const [log, bell] = [newLog(), new Bell()];
  const own = new OwnEvents(log, {}, bell);
  const puts = [await put(log, own, 'a-1', [event(), event()]), await put(log, own, 'a-2', [event()])];
  puts.push(await put(log, own, 'a-1', [event()]));
  const places = { after: 'start', upTo: puts[2]!.position, count: 4 } as const;
  const waiting = own.at(places, all);
  for (const { keep } of puts.toReversed()) keep();
  // An append that the log has taken before gets the same answer again.
  puts[1]!.keep();
  expect(await waiting).toEqual(await allOf(log));
  expect(await own.at({ after: puts[0]!.position, upTo: puts[1]!.position, count: 1 }, all)).toEqual(
    (await allOf(log)).slice(2, 3),
  );
});

test('places that end within an append, and begin there', async () => {
  const [log, bell] = [newLog(), new Bell()];
  const own = new OwnEvents(log, {}, bell);
  const { position, keep } = await put(log, own, 'a-1', [event(), event(), event()]);
  keep();
  const [first, second, third] = await allOf(log);
  expect(await own.at({ after: 'start', upTo: position - 2n, count: 1 }, all)).toEqual([first]);
  expect(await own.at({ after: position - 2n, upTo: position - 1n, count: 1 }, all)).toEqual([second]);
  expect(await own.at({ after: position - 1n, upTo: position, count: 1 }, all)).toEqual([third]);
});

test('places that begin within one append and end within the next', async () => {
  const log = newLog();
  const own = new OwnEvents(log);
  const puts = [await put(log, own, 'a-1', [event(), event()]), await put(log, own, 'a-2', [event(), event()])];
  for (const { keep } of puts) keep();
  const stored = await allOf(log);
  const places = { after: stored[0]!.position, upTo: stored[2]!.position, count: 2 };
  expect(await own.at(places, all)).toEqual(stored.slice(1, 3));
});

test('of the wanted streams alone', async () => {
  const log = newLog();
  const own = new OwnEvents(log);
  const puts = [await put(log, own, 'a-1', [event()]), await put(log, own, 'b-1', [event()])];
  for (const { keep } of puts) keep();
  const found = await own.at({ after: 'start', upTo: puts[1]!.position, count: 1 }, (stream) =>
    stream.startsWith('a-'),
  );
  expect(found.map(({ stream }) => stream)).toEqual(['a-1']);
});

test('from the log, where the answer to an append does not come', async () => {
  const [log, bell] = [newLog(), new Bell()];
  const own = new OwnEvents(log, {}, bell);
  const [first, lost] = [await put(log, own, 'a-1', [event()]), await put(log, own, 'a-2', [event()])];
  first.keep();
  const waiting = own.at({ after: 'start', upTo: lost.position, count: 2 }, all);
  bell.ring();
  expect(await waiting).toEqual(await allOf(log));
  // The answer to a later append shows at once that it will not come.
  (await put(log, own, 'a-3', [event()])).keep();
  expect(await own.at({ after: 'start', upTo: lost.position, count: 2 }, all)).toEqual((await allOf(log)).slice(0, 2));
});

test('from the log, where they are kept no longer, so that what is kept stays small', async () => {
  const [log, bell] = [newLog(), new Bell()];
  const own = new OwnEvents(log, { keptBytes: 10 }, bell);
  let last = 0n;
  for (let n = 0; n < 30; n++) {
    const { keep, position } = await put(log, own, `a-${n}`, [event()]);
    keep();
    last = position;
  }
  expect(await own.at({ after: 'start', upTo: last, count: 30 }, all)).toEqual(await allOf(log));
});

test('a number of places that the log does not have is no subscription', async () => {
  const [log, bell] = [newLog(), new Bell()];
  const own = new OwnEvents(log, {}, bell);
  const { position } = await put(log, own, 'a-1', [event()]);
  const waiting = own.at({ after: 'start', upTo: position, count: 2 }, all);
  bell.ring();
  await expect(waiting).rejects.toBeInstanceOf(LogUnavailable);
});

class Temperature {
  constructor(readonly degrees: number) {}
}
const odd: readonly unknown[] = [
  { a: undefined, b: [1, undefined, 2] },
  // eslint-disable-next-line no-sparse-arrays
  [1, , 2],
  { zero: -0, none: NaN, most: Infinity },
  { at: AT },
  new Temperature(3),
  { toJSON: 'no function' },
  { deep: [{ a: { b: undefined } }] },
  JSON.parse('{"__proto__": {"a": 1}}'),
];

test.each(odd.map((value, index) => [index, value]))('what JSON changes arrives changed (%i)', async (_, value) => {
  const log = newLog();
  const own = new OwnEvents(log);
  const { keep, position } = await put(log, own, 'a-1', [event(value)]);
  keep();
  expect(await own.at({ after: 'start', upTo: position, count: 1 }, all)).toStrictEqual(await allOf(log));
});

test('any value arrives as it is read back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything({ withSparseArray: true }).filter(isJsonable), async (value) => {
      const log = newLog();
      const own = new OwnEvents(log);
      const { keep, position } = await put(log, own, 'a-1', [event({ value })]);
      keep();
      expect(await own.at({ after: 'start', upTo: position, count: 1 }, all)).toStrictEqual(await allOf(log));
    }),
    { numRuns: 300 },
  );
});

const isJsonable = (value: unknown): boolean => {
  try {
    return JSON.stringify({ value }) !== undefined;
  } catch {
    return false;
  }
};
