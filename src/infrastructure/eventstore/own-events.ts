/**
 * The events that this client appended itself, as a subscription would bring them. A node that knows whose they are sends
 * their places in the log instead of them, so that nothing crosses the wire and is read a second time.
 */
import { LogUnavailable, type EventLog, type NewEvent, type RecordedEvent } from '../../application/log/event-log.js';
import type { Clock } from '../../application/runtime/clock.js';
import { asRecorded } from '../../application/log/recorded-place.js';

type OwnEventLimits = Readonly<{
  /** Of the newest appends, as the wire has them, at least; at most twice as many. What is no longer here is read from the log. */
  keptBytes: number;
  /** How long the places of events may be ahead of the answer to their append; then they are read from the log. */
  answerMs: number;
}>;

const DEFAULTS: OwnEventLimits = { keptBytes: 4 * 1024 * 1024, answerMs: 250 };
const TIMERS: Pick<Clock, 'wakeAfter'> = {
  wakeAfter: (ms, wake) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};
/** Of one read of the log. */
const PAGE_EVENTS = 500;

/** `position` and `revision` are those of the last event; they are consecutive. `created`: milliseconds since the epoch. */
type AppendedAt = Readonly<{ revision: bigint; position: bigint; created: number }>;

/** The next `count` events of the subscription: own ones behind the position `after`, the last of them at `upTo`. */
export type OwnPlaces = Readonly<{ after: bigint | 'start'; upTo: bigint; count: number }>;

/** One append: its events have places that follow one another. */
type Append = Readonly<{
  stream: string;
  first: bigint;
  last: bigint;
  events: readonly RecordedEvent[];
  bytes: number;
}>;

export class OwnEvents {
  /** In the order of their positions. */
  private kept: Append[] = [];
  private keptBytes = 0;
  private newest = -1n;
  private readonly sleepers = new Set<() => void>();
  private readonly limits: OwnEventLimits;

  constructor(
    private readonly log: Pick<EventLog, 'page'>,
    limits: Partial<OwnEventLimits> = {},
    private readonly clock: Pick<Clock, 'wakeAfter'> = TIMERS,
  ) {
    this.limits = { ...DEFAULTS, ...limits };
  }

  /** Called with each append that the log took, and said when. @param bytes of its message */
  keep(stream: string, events: readonly NewEvent[], { revision, position, created }: AppendedAt, bytes: number): void {
    const recordedAt = new Date(created);
    const before = BigInt(events.length - 1);
    const first = position - before;
    const recorded = events.map(({ id, type, data, metadata }, index) =>
      asRecorded({
        id,
        type,
        data: asRead(data),
        metadata: asRead(metadata),
        stream,
        revision: revision - before + BigInt(index),
        position: first + BigInt(index),
        recordedAt,
      }),
    );
    this.insert({ stream, first, last: position, events: recorded, bytes });
    for (const wake of this.sleepers) wake();
  }

  /** In their order. @throws LogUnavailable where the log holds others there, or cannot be read */
  async at(places: OwnPlaces, isWanted: (stream: string) => boolean): Promise<readonly RecordedEvent[]> {
    const here = this.between(places, isWanted);
    if (here.length === places.count) return here;
    // Answers come in the order of the log: what a later one has overtaken is not here any longer, or was never answered.
    const answered = this.newest < places.upTo ? await this.whenAnswered(places, isWanted) : undefined;
    return answered ?? this.fromLog(places, isWanted);
  }

  /** Places may end and begin within an append. */
  private between({ after, upTo }: OwnPlaces, isWanted: (stream: string) => boolean): readonly RecordedEvent[] {
    const floor = after === 'start' ? -1n : after;
    let from = this.kept.length;
    while (from > 0 && this.kept[from - 1]!.last > floor) from--;
    const found: RecordedEvent[] = [];
    for (let index = from; index < this.kept.length; index++) {
      const { first, last, stream, events } = this.kept[index]!;
      if (first > upTo) break;
      if (!isWanted(stream)) continue;
      if (first > floor && last <= upTo) found.push(...events);
      else found.push(...events.filter(({ position }) => position > floor && position <= upTo));
    }
    return found;
  }

  /** The places and the answer come over two connections, so that either may be first. */
  private whenAnswered(
    places: OwnPlaces,
    isWanted: (stream: string) => boolean,
  ): Promise<readonly RecordedEvent[] | undefined> {
    return new Promise((resolve) => {
      const end = (found?: readonly RecordedEvent[]) => {
        cancel();
        this.sleepers.delete(look);
        resolve(found);
      };
      const look = () => {
        const found = this.between(places, isWanted);
        if (found.length === places.count) end(found);
      };
      const cancel = this.clock.wakeAfter(this.limits.answerMs, () => end());
      this.sleepers.add(look);
    });
  }

  /** Where an answer is lost or late, or the event was kept no longer. */
  private async fromLog(places: OwnPlaces, isWanted: (stream: string) => boolean): Promise<readonly RecordedEvent[]> {
    const found: RecordedEvent[] = [];
    for (let { after } = places; ;) {
      const page = await this.log.page(after, PAGE_EVENTS);
      for (const event of page) if (event.position <= places.upTo && isWanted(event.stream)) found.push(event);
      const last = page.at(-1);
      if (!last || last.position >= places.upTo) break;
      after = last.position;
    }
    if (found.length === places.count) return found;
    throw new LogUnavailable(
      `The subscription is lost: ${places.count} events of this client were announced up to ${places.upTo}, the log has ${found.length}`,
    );
  }

  /** Mostly at the end: an answer may come after that of a later append. */
  private insert(append: Append): void {
    let at = this.kept.length;
    while (at > 0 && this.kept[at - 1]!.first > append.first) at--;
    // The log has taken it once, and says so again.
    if (this.kept[at - 1]?.first === append.first) return;
    if (at === this.kept.length) this.kept.push(append);
    else this.kept.splice(at, 0, append);
    this.keptBytes += append.bytes;
    if (append.last > this.newest) this.newest = append.last;
    // By halves: dropping single ones would move all others each time.
    if (this.keptBytes < 2 * this.limits.keptBytes) return;
    let dropped = 0;
    for (; this.keptBytes > this.limits.keptBytes; dropped++) this.keptBytes -= this.kept[dropped]!.bytes;
    this.kept = this.kept.slice(dropped);
  }
}

/** What comes back of a value that is written as JSON: the value itself, where nothing of it would be changed. */
const asRead = (value: unknown): unknown => {
  if (isPlain(value)) return value;
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? null : JSON.parse(text);
};

const isPlain = (value: unknown): boolean => {
  if (typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return value === null || (typeof value === 'object' && isPlainObject(value));
};

const isPlainObject = (value: object): boolean => {
  if (Array.isArray(value)) return isPlainArray(value);
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false;
  for (const name in value) if (!isPlain((value as Readonly<Record<string, unknown>>)[name])) return false;
  return true;
};

/** Not by `every`, which passes over holes. */
const isPlainArray = (values: readonly unknown[]): boolean => {
  for (const value of values) if (!isPlain(value)) return false;
  return true;
};
