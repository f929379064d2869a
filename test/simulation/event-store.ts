/** The event log as machines reach it: EventStoreDB's semantics behind a network that loses, delays and repeats. */
import {
  AppendOutcomeUnknown,
  EventLog,
  LogUnavailable,
  type Appended,
  type ExpectedRevision,
  type LogSignal,
  type NewEvent,
  type PageAsked,
  type RecordedEvent,
} from '../../src/application/event-log.js';
import { InMemoryEventLog, pageOf } from '../support/in-memory.event-log.js';
import type { Happenings, Machine } from './machine.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

/** After which the client gives up on an answer. */
const ANSWER_TIMEOUT_MS = 5_000;
/** A request that is held up on its way may arrive when its sender has long given up. */
const LATEST_ARRIVAL_MS = 20_000;

export type NetworkFaults = {
  /** Probabilities, for each append. */
  appendLost: number;
  appendUnanswered: number;
  appendLate: number;
  /** For each delivery to a subscription. */
  redelivery: number;
  disconnect: number;
};

export const NO_NETWORK_FAULTS: Readonly<NetworkFaults> = {
  appendLost: 0,
  appendUnanswered: 0,
  appendLate: 0,
  redelivery: 0,
  disconnect: 0,
};

export class EventStore {
  readonly log: InMemoryEventLog;
  faults: NetworkFaults = { ...NO_NETWORK_FAULTS };
  isAway = false;
  private readonly read: RecordedEvent[] = [];
  private readonly streams = new Map<string, RecordedEvent[]>();
  private readonly subscriptions = new Set<Subscription>();

  constructor(
    readonly timeline: Timeline,
    readonly random: Random,
    readonly happenings: Happenings,
  ) {
    this.log = new InMemoryEventLog(() => new Date(timeline.now));
  }

  get length(): number {
    return this.log.length;
  }

  /** The same object each time: whoever changes it is found out by everyone else. */
  eventAt(index: number): RecordedEvent {
    for (let next = this.read.length; next <= index; next++) {
      const event = this.log.eventAt(next);
      this.read.push(event);
      const stream = this.streams.get(event.stream) ?? [];
      this.streams.set(event.stream, stream);
      stream.push(event);
    }
    return this.read[index]!;
  }

  get events(): readonly RecordedEvent[] {
    return this.read;
  }

  eventsOf(stream: string): readonly RecordedEvent[] {
    return this.streams.get(stream) ?? [];
  }

  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Appended {
    this.mustBeThere();
    const before = this.length;
    const appended = this.log.appendNow(stream, events, expected);
    for (let index = before; index < this.length; index++) {
      const { type, data, metadata, revision } = this.eventAt(index);
      this.happenings.count(`event ${type}`);
      this.happenings.tell(() => `  ${short(stream)}@${revision} ${type} ${describe(data, metadata)}`);
    }
    for (const subscription of this.subscriptions) subscription.look();
    return appended;
  }

  mustBeThere(): void {
    if (this.isAway) throw new LogUnavailable('The event store is away');
  }

  goAway(): void {
    this.isAway = true;
    for (const subscription of this.subscriptions) subscription.lose();
  }

  comeBack(): void {
    this.isAway = false;
  }

  open(machine: Machine, after: bigint | 'start'): Subscription {
    this.mustBeThere();
    const subscription = new Subscription(this, machine, after === 'start' ? 0 : this.indexAfter(after));
    this.subscriptions.add(subscription);
    machine.onDeath(() => this.subscriptions.delete(subscription));
    subscription.look();
    return subscription;
  }

  close(subscription: Subscription): void {
    this.subscriptions.delete(subscription);
  }

  private indexAfter(position: bigint): number {
    let index = this.length;
    while (index > 0 && this.eventAt(index - 1).position > position) index--;
    return index;
  }
}

/** Delivered in order; now and then from a little further back, and now and then cut. */
class Subscription {
  private readonly arrived: LogSignal[] = [];
  private lost: Error | null = null;
  private isUnderWay = false;
  private isCaughtUp = false;
  private waiting: () => void = () => undefined;

  constructor(
    private readonly store: EventStore,
    private readonly machine: Machine,
    private next: number,
  ) {}

  look(): void {
    if (this.isUnderWay) return;
    this.isUnderWay = true;
    this.store.timeline.after(this.store.random.between(0, 5), () => {
      this.isUnderWay = false;
      this.deliver();
    });
  }

  lose(): void {
    this.store.close(this);
    this.machine.tell(() => {
      this.lost = new LogUnavailable('The subscription is lost');
      this.waiting();
    });
  }

  private deliver(): void {
    const { random, faults, happenings, length } = this.store;
    if (this.lost) return;
    if (random.chance(faults.disconnect)) {
      happenings.count('subscription cut');
      return this.lose();
    }
    if (this.next > 0 && random.chance(faults.redelivery)) {
      happenings.count('redelivery');
      this.next = Math.max(0, this.next - random.between(1, 4));
    }
    const signals: LogSignal[] = [];
    for (; this.next < length; this.next++) signals.push({ kind: 'event', event: this.store.eventAt(this.next) });
    if (!this.isCaughtUp) signals.push({ kind: 'caught-up' });
    this.isCaughtUp = true;
    this.machine.tell(() => {
      this.arrived.push(...signals);
      this.waiting();
    });
  }

  async *signals(signal: AbortSignal): AsyncGenerator<LogSignal> {
    const leave = () => this.waiting();
    signal.addEventListener('abort', leave, { once: true });
    try {
      while (!signal.aborted) {
        const next = this.arrived.shift();
        if (next) yield next;
        else if (this.lost) throw this.lost;
        else await new Promise<void>((resolve) => (this.waiting = resolve));
      }
    } finally {
      signal.removeEventListener('abort', leave);
      this.store.close(this);
    }
  }
}

export class EventStoreClient extends EventLog {
  constructor(
    private readonly store: EventStore,
    private readonly machine: Machine,
  ) {
    super();
  }

  read(stream: string, from = 0n) {
    return this.machine.ask('read', () => {
      this.store.mustBeThere();
      const stored = this.store.eventsOf(stream);
      return { events: stored.slice(Number(from)), revision: stored.at(-1)?.revision ?? ('none' as const) };
    });
  }

  readPage(stream: string, page: PageAsked) {
    return this.machine.ask('read', () => {
      this.store.mustBeThere();
      return pageOf(this.store.eventsOf(stream), page);
    });
  }

  head(): Promise<bigint | 'start'> {
    return this.machine.ask('head', () => {
      this.store.mustBeThere();
      return this.store.events.at(-1)?.position ?? 'start';
    });
  }

  page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    return this.machine.ask('page', () => {
      this.store.mustBeThere();
      return this.store.events.filter(({ position }) => after === 'start' || position > after).slice(0, limit);
    });
  }

  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    const { faults, random, happenings } = this.store;
    const serve = () => this.store.append(stream, events, expected);
    if (random.chance(faults.appendLost)) {
      happenings.count('append lost');
      return this.unanswered(() => undefined);
    }
    if (random.chance(faults.appendUnanswered)) {
      happenings.count('append unanswered');
      return this.unanswered(serve);
    }
    if (random.chance(faults.appendLate)) {
      happenings.count('append late');
      const late = random.between(1, LATEST_ARRIVAL_MS);
      return this.unanswered(() => void this.store.timeline.after(late, () => quietly(serve)));
    }
    return this.machine.ask('append', serve);
  }

  async *subscribe(
    options: Readonly<{ prefix: string | readonly string[]; after: bigint | 'start'; signal: AbortSignal }>,
  ): AsyncGenerator<LogSignal> {
    const { prefix, after, signal } = options;
    const subscription = await this.machine.ask('subscribe', () => this.store.open(this.machine, after));
    for await (const seen of subscription.signals(signal)) {
      if (seen.kind !== 'event' || [prefix].flat().some((one) => seen.event.stream.startsWith(one))) yield seen;
      else yield { kind: 'checkpoint', position: seen.event.position };
    }
  }

  private unanswered(serve: () => unknown): Promise<never> {
    const { machine, store } = this;
    return new Promise((_, reject) => {
      void machine.ask('append without an answer', () => quietly(serve));
      const giveUp = () => machine.tell(() => reject(new AppendOutcomeUnknown('No answer came in time')));
      store.timeline.after(ANSWER_TIMEOUT_MS, giveUp);
    });
  }
}

const quietly = (serve: () => unknown): void => {
  try {
    serve();
  } catch {
    // Nobody is there to hear of it.
  }
};

export const short = (id: string) => id.replace('workflow-', '').slice(0, 8);

const describe = (data: unknown, metadata: unknown): string => {
  const { step, attempt, generation, worker, error, retryAt, cause } = data as Record<string, unknown>;
  const { summary, occurredAt } = (metadata ?? {}) as { summary?: { state: string }; occurredAt?: string };
  const code = (error as { code?: string } | undefined)?.code;
  return JSON.stringify({ step, attempt, generation, worker, code, retryAt, cause, state: summary?.state, occurredAt });
};
