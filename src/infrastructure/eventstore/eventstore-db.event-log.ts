/** Speaks to EventStoreDB: reads here, subscriptions in subscription.ts, appends in batch-appends.ts. */
import { StreamDeletedError, StreamNotFoundError, type EventStoreDBClient } from '@eventstore/db-client';
import {
  AppendOutcomeUnknown,
  EventLog,
  LogUnavailable,
  RevisionConflict,
  StreamTombstoned,
  type Appended,
  type ExpectedRevision,
  type SubscriptionMessage,
  type NewEvent,
  type PageAsked,
  type RecordedEvent,
} from '../../application/log/event-log.js';
import { AppendPool } from './append-pool.js';
import { connect } from './connect.js';
import { withDefaults, type EventStoreDbLimits, type EventStoreDbOptions } from './options.js';
import { recorded } from './recorded.js';
import { describe, isRefusal, unavailable } from './refusals.js';
import { signalsOf } from './subscription.js';
import { within } from './within.js';

const CLOSE_TIMEOUT_MS = 2_000;

type Reading = ReturnType<EventStoreDBClient['readStream']> | ReturnType<EventStoreDBClient['readAll']>;

export class EventStoreDbEventLog extends EventLog {
  private readonly client: EventStoreDBClient;
  private readonly limits: EventStoreDbLimits;
  private readonly appends: AppendPool;
  private readonly closing = new AbortController();
  private used = false;

  constructor(options: EventStoreDbOptions) {
    super();
    this.limits = withDefaults(options);
    this.client = connect(this.limits.url);
    this.appends = new AppendPool(this.client, this.limits);
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
    if (events.length === 0) throw new RangeError(`Append to ${stream}: expected at least one event, got none`);
    this.used = true;
    try {
      return await this.appends.append(stream, events, expected);
    } catch (error) {
      throw appendError(stream, error);
    }
  }

  async *subscribe(
    options: Readonly<{ prefix: string | readonly string[]; after: bigint | 'start'; signal: AbortSignal }>,
  ): AsyncGenerator<SubscriptionMessage> {
    const { prefix, after, signal } = options;
    if (signal.aborted) return;
    this.used = true;
    const either = AbortSignal.any([signal, this.closing.signal]);
    const { silenceMs } = this.limits;
    const watched = { prefixes: [prefix].flat(), after, silenceMs, log: this };
    yield* signalsOf(this.client, { ...watched, signal: either });
    if (!signal.aborted) throw new LogUnavailable('The connection to the log was closed');
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

  async head(): Promise<bigint | 'start'> {
    const options = { direction: 'backwards', fromPosition: 'end', maxCount: 1 } as const;
    const [last] = await this.collect('The log', this.client.readAll(options));
    return last?.position ?? 'start';
  }

  /** A server begins with the event at the position that it is given. */
  async page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    const fromPosition = after === 'start' ? after : { commit: after, prepare: after };
    const events = await this.collect('The log', this.client.readAll({ fromPosition, maxCount: limit + 1 }));
    return events.filter(({ position }) => after === 'start' || position > after).slice(0, limit);
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

const appendError = (stream: string, error: unknown): Error => {
  if ([AppendOutcomeUnknown, RevisionConflict, StreamTombstoned].some((known) => error instanceof known))
    return error as Error;
  if (isRefusal(error)) return unavailable(`Append to ${stream} was refused`, error);
  return new AppendOutcomeUnknown(`Append to ${stream}: ${describe(error)}`, { cause: error });
};
