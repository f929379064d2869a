/** The client of one server of EventStoreDB's protocol: reads are here, appends in append-pool.ts, subscriptions in subscription.ts. */
import { randomUUID } from 'node:crypto';
import { StreamDeletedError, StreamNotFoundError, type EventStoreDBClient } from '@eventstore/db-client';
import {
  EventLog,
  LogUnavailable,
  StreamTombstoned,
  type Appended,
  type ExpectedRevision,
  type NewEvent,
  type PageAsked,
  type RecordedEvent,
  type SubscriptionMessage,
} from '../../application/log/event-log.js';
import { callOfClient } from './append-call.js';
import { AppendPool } from './append-pool.js';
import { isNoPlace, unavailable, within } from './call-errors.js';
import { addressOf, connect } from './connect.js';
import { isPlain, ownConnection } from './own-connection.js';
import { OwnEvents } from './own-events.js';
import { recorded } from './read-messages.js';
import { subscribeToAll } from './subscription.js';

type EventStoreDbOptions = Readonly<{
  /** `esdb://host:2113?tls=false`, or any other form that the client takes. */
  url: string;
  /** After this time the outcome of an append is not known. Default 5 000 ms. */
  appendTimeoutMs?: number;
  /** Calls over which appends go side by side. Default 16. */
  appendCalls?: number;
  /** Bytes of one append, as the protocol has it. Default 16 MiB, the largest that a server can be set to take. */
  maxAppendBytes?: number;
  /** For each page of a read. Default 10 000 ms. */
  readTimeoutMs?: number;
  /** A subscription that does not hear of an event in the log for this long is lost; one with nothing to hear is not. Default 60 000 ms. */
  silenceMs?: number;
  /** For the events that this client appended itself, on the way to its subscriptions: see OwnEvents. Default 4 MiB. */
  keptOwnBytes?: number;
  /** Events of one page of a read. Default 500. */
  pageEvents?: number;
  /** A stream with more events is not read. Default 100 000. */
  maxStreamEvents?: number;
}>;

type EventStoreDbLimits = Readonly<Required<EventStoreDbOptions>>;

const DEFAULTS = {
  appendTimeoutMs: 5_000,
  appendCalls: 16,
  maxAppendBytes: 16 * 1024 * 1024,
  readTimeoutMs: 10_000,
  silenceMs: 60_000,
  keptOwnBytes: 4 * 1024 * 1024,
  pageEvents: 500,
  maxStreamEvents: 100_000,
};

const CLOSE_TIMEOUT_MS = 2_000;

type Reading = ReturnType<EventStoreDBClient['readStream']> | ReturnType<EventStoreDBClient['readAll']>;

export class EventStoreDbEventLog extends EventLog {
  private readonly client: EventStoreDBClient;
  private readonly limits: EventStoreDbLimits;
  private readonly appends: AppendPool;
  /** By this name a node knows the appends of this client. Other servers pass over it. */
  private readonly appender = { appender: randomUUID() };
  private readonly own: OwnEvents;
  private readonly closing = new AbortController();
  private used = false;

  constructor(options: EventStoreDbOptions) {
    super();
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.limits = { ...DEFAULTS, ...(Object.fromEntries(given) as EventStoreDbOptions) };
    this.client = connect(this.limits.url);
    const address = addressOf(this.limits.url);
    const calls = {
      ofClient: callOfClient(this.client, this.appender),
      own: isPlain(address) ? ownConnection(address, this.appender) : null,
    };
    this.appends = new AppendPool(calls, this.limits);
    this.own = new OwnEvents(this, { keptBytes: this.limits.keptOwnBytes });
  }

  async read(stream: string, from = 0n) {
    const events: RecordedEvent[] = [];
    for (;;) {
      const next = (events.at(-1)?.revision ?? from - 1n) + 1n;
      const page = await this.pageOf(stream, { fromRevision: next, maxCount: this.limits.pageEvents });
      events.push(...page);
      if (events.length > this.limits.maxStreamEvents) {
        throw new LogUnavailable(
          `Stream ${stream} has more than ${this.limits.maxStreamEvents} events, the limit of one read`,
        );
      }
      if (page.length === this.limits.pageEvents) continue;
      const last = events.at(-1);
      if (last) return { events, revision: last.revision };
      const [latest] = await this.pageOf(stream, { fromRevision: 'end', direction: 'backwards', maxCount: 1 });
      if (!latest) return { events, revision: 'none' as const };
      if (latest.revision < from) return { events, revision: latest.revision };
      // Written between the two reads: read again.
    }
  }

  /** In parts, as a page of the port may be larger than one of the server's. */
  async readPage(stream: string, { from, direction, limit }: PageAsked): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    let fromRevision = from;
    while (events.length < limit) {
      const maxCount = Math.min(this.limits.pageEvents, limit - events.length);
      const part = await this.pageOf(stream, { fromRevision, direction, maxCount });
      events.push(...part);
      const last = part.at(-1);
      if (!last || part.length < maxCount || (direction === 'backwards' && last.revision === 0n)) break;
      fromRevision = last.revision + (direction === 'forwards' ? 1n : -1n);
    }
    return events;
  }

  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    this.used = true;
    const { revision, position, created, bytes } = await this.appends.append(stream, events, expected);
    if (created !== undefined) this.own.keep(stream, events, { revision, position, created }, bytes);
    return { revision, position };
  }

  subscribe(options: Parameters<EventLog['subscribe']>[0]): AsyncIterable<SubscriptionMessage> {
    this.used ||= !options.signal.aborted;
    return subscribeToAll(this.client, {
      ...options,
      log: this,
      own: this.own,
      headers: { ...this.appender, 'own-events': 'positions' },
      silenceMs: this.limits.silenceMs,
      closing: this.closing.signal,
    });
  }

  /** Ends what is under way and lets go of the connection. */
  async close(): Promise<void> {
    this.closing.abort();
    await within(CLOSE_TIMEOUT_MS, this.appends.close()).catch(() => undefined);
    await within(CLOSE_TIMEOUT_MS, this.client.dispose()).catch(() => undefined);
    if (!this.used) return;
    // `dispose` ends calls only; an open channel would keep the process alive.
    const inner = this.client as unknown as { getChannel(): Promise<{ close(): void }> };
    await within(CLOSE_TIMEOUT_MS, inner.getChannel()).then(
      (channel) => channel.close(),
      () => undefined,
    );
  }

  /** What the server says of itself; 'unknown' where it does not. */
  async serverVersion(): Promise<string> {
    const inside = this.client as unknown as { capabilities: Promise<Readonly<{ serverVersion: string }>> };
    return (await within(this.limits.readTimeoutMs, inside.capabilities)).serverVersion;
  }

  async head(): Promise<bigint | 'start'> {
    const options = { direction: 'backwards', fromPosition: 'end', maxCount: 1 } as const;
    const [last] = await this.collect('The log', this.client.readAll(options));
    return last?.position ?? 'start';
  }

  /** A server begins with the event at the position that it gets, which is not wanted again. */
  async page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    const fromPosition = after === 'start' ? after : { commit: after, prepare: after };
    const events = await this.collect('The log', this.client.readAll({ fromPosition, maxCount: limit + 1 }));
    return events.filter(({ position }) => after === 'start' || position > after).slice(0, limit);
  }

  async at(position: bigint): Promise<RecordedEvent | 'none' | 'inside'> {
    const fromPosition = { commit: position, prepare: position };
    try {
      const [event] = await this.collect('The log', this.client.readAll({ fromPosition, maxCount: 1 }));
      return event?.position === position ? event : 'none';
    } catch (error) {
      if (isNoPlace(error)) return 'inside';
      throw error;
    }
  }

  private pageOf(stream: string, options: Parameters<EventStoreDBClient['readStream']>[1]): Promise<RecordedEvent[]> {
    return this.collect(`Stream ${stream}`, this.client.readStream(stream, options));
  }

  private async collect(what: string, reading: Reading): Promise<RecordedEvent[]> {
    this.used = true;
    reading.on('error', () => undefined);
    const collect = async () => {
      const events: RecordedEvent[] = [];
      for await (const { event } of reading) if (event) events.push(recorded(event));
      return events;
    };
    try {
      return await within(this.limits.readTimeoutMs, collect());
    } catch (error) {
      void reading.cancel().catch(() => undefined);
      if (error instanceof StreamNotFoundError) return [];
      if (error instanceof StreamDeletedError) throw new StreamTombstoned(error.streamName);
      throw unavailable(`${what} cannot be read`, error);
    }
  }
}
