import {
  AppendRefused,
  EventLog,
  RevisionConflict,
  StreamTombstoned,
  type Appended,
  type ExpectedRevision,
  type SubscriptionMessage,
  type NewEvent,
  type PageAsked,
  type RecordedEvent,
} from '../application/log/event-log.js';

type Stored = Readonly<{ event: Omit<RecordedEvent, 'data' | 'metadata'>; data: string; metadata: string }>;

/** The real log's positions are byte offsets: they grow with gaps. */
const POSITION_STEP = 100n;
/** Before it nothing can be read: a deleted stream. */
const DELETED = 2n ** 63n - 1n;
const MAX_APPEND_BYTES = 1024 * 1024;

/**
 * An EventLog with EventStoreDB's semantics and no I/O: no timers, no randomness, `recordedAt` from the given clock.
 * Each append is done at once, before its promise is returned; subscribers are woken by promises alone.
 */
export class InMemoryEventLog extends EventLog {
  private readonly all: Stored[] = [];
  private readonly streams = new Map<string, Stored[]>();
  /** Of streams that were truncated: the first revision that can be read. */
  private readonly firsts = new Map<string, bigint>();
  private readonly tombstoned = new Set<string>();
  private readonly sleepers = new Set<() => void>();
  private connection: { lost?: Error } = {};

  constructor(
    // eslint-disable-next-line no-restricted-syntax -- For tests of the project that have no clock; the kit always gives its own.
    private readonly now: () => Date = () => new Date(),
    maxAppendBytes?: number,
    /** 1n as the embedded node has it. */
    private readonly stepInAppend = POSITION_STEP,
  ) {
    super(maxAppendBytes);
  }

  async read(stream: string, from = 0n) {
    return this.readNow(stream, from);
  }

  async readPage(stream: string, page: PageAsked): Promise<readonly RecordedEvent[]> {
    const first = this.firstOf(stream);
    const isBefore = page.direction === 'forwards' && page.from < first;
    const visible = isBefore ? ({ ...page, from: first } as const) : page;
    return pageOf(this.stored(stream), visible)
      .filter(({ event }) => event.revision >= first)
      .map(recorded);
  }

  /** What an operator's tool may do to a stream: cut its beginning, or all of it until an append comes. */
  async truncate(stream: string, before: bigint | 'all'): Promise<void> {
    const $tb = before === 'all' ? DELETED : before;
    const { revision } = await this.read(`$$${stream}`);
    const id = `${stream} ${String(revision)}`;
    await this.append(`$$${stream}`, [{ id, type: '$metadata', data: { $tb: String($tb) }, metadata: {} }], revision);
    this.firsts.set(stream, $tb);
  }

  /** The stream is ended for ever. */
  tombstone(stream: string): void {
    const position = BigInt(this.all.length + 1) * POSITION_STEP;
    const place = { id: `${stream} ended`, type: '$streamDeleted', stream, revision: DELETED, position };
    this.all.push({ event: { ...place, recordedAt: this.now() }, data: '{}', metadata: '{}' });
    this.tombstoned.add(stream);
    this.wake();
  }

  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    return this.appendNow(stream, events, expected);
  }

  async head(): Promise<bigint | 'start'> {
    return this.all.at(-1)?.event.position ?? 'start';
  }

  async page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    return this.all
      .filter(({ event }) => after === 'start' || event.position > after)
      .slice(0, limit)
      .map(recorded);
  }

  async at(position: bigint): Promise<RecordedEvent | 'none'> {
    const found = this.all.find(({ event }) => event.position === position);
    return found ? recorded(found) : 'none';
  }

  readNow(stream: string, from = 0n) {
    const stored = this.stored(stream);
    const first = this.firstOf(stream);
    const events = stored.slice(Number(from)).filter(({ event }) => event.revision >= first);
    const isHidden = first > BigInt(stored.length - 1);
    return { events: events.map(recorded), revision: isHidden ? ('none' as const) : this.revisionOf(stream) };
  }

  appendNow(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Appended {
    if (events.length === 0) throw new RangeError(`Append to ${stream}: expected at least one event, got none`);
    if (this.tombstoned.has(stream)) throw new StreamTombstoned(stream);
    const current = this.revisionOf(stream);
    const isDeleted = this.firstOf(stream) === DELETED;
    if (current !== expected && !(isDeleted && expected === 'none'))
      return this.alreadyThere(stream, events, expected, current);
    const texts = events.map(({ data, metadata }) => ({
      data: JSON.stringify(data),
      metadata: JSON.stringify(metadata),
    }));
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text.data) + Buffer.byteLength(text.metadata), 0);
    if (bytes > MAX_APPEND_BYTES)
      throw new AppendRefused(
        'too-large',
        `Append to ${stream}: ${bytes} bytes, at most ${MAX_APPEND_BYTES} are taken`,
      );
    const stored = this.streams.get(stream) ?? [];
    this.streams.set(stream, stored);
    // As a server has it: what is written to a deleted stream is visible, what was deleted stays hidden.
    if (isDeleted) this.firsts.set(stream, BigInt(stored.length));
    const recordedAt = this.now();
    const first = BigInt(this.all.length + 1) * POSITION_STEP;
    events.forEach(({ id, type }, index) => {
      const place = { revision: BigInt(stored.length), position: first + BigInt(index) * this.stepInAppend };
      const text = texts[index] as Omit<Stored, 'event'>;
      const one: Stored = { event: { id, type, stream, ...place, recordedAt }, ...text };
      stored.push(one);
      this.all.push(one);
    });
    this.wake();
    return placeOf(stored.at(-1));
  }

  async *subscribe(
    options: Readonly<{ prefix: string | readonly string[]; after: bigint | 'start'; signal: AbortSignal }>,
  ): AsyncGenerator<SubscriptionMessage> {
    const { prefix, after, signal } = options;
    const connection = this.connection;
    const first = this.all.findIndex(({ event }) => after === 'start' || event.position > after);
    let next = first < 0 ? this.all.length : first;
    let caughtUp = false;
    while (!signal.aborted) {
      if (connection.lost) throw connection.lost;
      const stored = this.all[next];
      if (stored) {
        next += 1;
        if ([prefix].flat().some((one) => stored.event.stream.startsWith(one)))
          yield { kind: 'event', event: recorded(stored) };
        else if (next === this.all.length) yield { kind: 'checkpoint', position: stored.event.position };
      } else if (!caughtUp) {
        caughtUp = true;
        yield { kind: 'caught-up' };
      } else {
        await this.sleep(signal);
      }
    }
  }

  get length(): number {
    return this.all.length;
  }

  /** The event at that place of the whole log, counted from 0. */
  eventAt(index: number): RecordedEvent {
    const stored = this.all[index];
    if (!stored) throw new RangeError(`Expected a place below ${this.all.length}, got ${index}`);
    return recorded(stored);
  }

  /** Ends every subscription of this moment with `reason`, as a lost connection does. */
  disconnect(reason: Error): void {
    this.connection.lost = reason;
    this.connection = {};
    this.wake();
  }

  private stored(stream: string): readonly Stored[] {
    if (this.tombstoned.has(stream)) throw new StreamTombstoned(stream);
    return this.streams.get(stream) ?? [];
  }

  private firstOf(stream: string): bigint {
    return this.firsts.get(stream) ?? 0n;
  }

  private revisionOf(stream: string): ExpectedRevision {
    const count = this.streams.get(stream)?.length ?? 0;
    return count === 0 ? 'none' : BigInt(count - 1);
  }

  /** The same events at the same place are a repeated append, which gets its first answer again. */
  private alreadyThere(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    current: ExpectedRevision,
  ): Appended {
    const start = expected === 'none' ? 0 : Number(expected) + 1;
    const there = (this.streams.get(stream) ?? []).slice(start, start + events.length);
    const same = there.length === events.length && events.every(({ id }, index) => there[index]?.event.id === id);
    if (!same) throw new RevisionConflict(stream, expected, current);
    return placeOf(there.at(-1));
  }

  private async sleep(signal: AbortSignal): Promise<void> {
    let wakeUp: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => (wakeUp = resolve));
    this.sleepers.add(wakeUp);
    signal.addEventListener('abort', wakeUp, { once: true });
    await woken;
    this.sleepers.delete(wakeUp);
    signal.removeEventListener('abort', wakeUp);
  }

  private wake(): void {
    for (const wakeUp of this.sleepers) wakeUp();
  }
}

/** What a page of `stored`, a whole stream, holds. */
export function pageOf<Stored>(stored: readonly Stored[], { from, direction, limit }: PageAsked): Stored[] {
  const first = from === 'end' ? stored.length - 1 : Number(from);
  if (direction === 'forwards') return stored.slice(first, first + limit);
  return stored.slice(Math.max(0, first + 1 - limit), first + 1).reverse();
}

function recorded({ event, data, metadata }: Stored): RecordedEvent {
  return { ...event, data: JSON.parse(data), metadata: JSON.parse(metadata) };
}

function placeOf(stored: Stored | undefined): Appended {
  if (!stored) throw new Error('an append has at least one event');
  return { revision: stored.event.revision, position: stored.event.position };
}
