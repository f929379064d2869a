/** The event log as machines reach it: EventStoreDB's semantics behind a network that loses, delays and repeats. */
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  RevisionConflict,
  type Appended,
  type ExpectedRevision,
  type NewEvent,
  type RecordedEvent,
} from '../../src/application/log/event-log.js';
import { executionIdOf, STREAM_PREFIX } from '../../src/domain/workflow/index.js';
import { InMemoryEventLog } from '../../src/testing/in-memory.event-log.js';
import type { Happenings, Machine } from './machine.js';
import type { Random } from '../../src/testing/random.js';
import { Subscription } from './subscription.js';
import type { Timeline } from './timeline.js';

export type NetworkFaults = {
  /** Probabilities for each append. */
  appendLost: number;
  appendUnanswered: number;
  appendLate: number;
  /** The server is not ready, busy or not the leader, and says so: nothing is kept. */
  appendRefused: number;
  /** It is kept, and the server answers Timeout at once. */
  appendTimedOut: number;
  /** It arrives a second time, later. */
  appendTwice: number;
  /** A leader keeps it that no follower follows: others conflict with it, nobody reads it, and it is lost. */
  appendOfLostTail: number;
  /** Of each read. */
  readRefused: number;
  /** Probabilities for each delivery to a subscription. */
  redelivery: number;
  disconnect: number;
};

export const NO_NETWORK_FAULTS: Readonly<NetworkFaults> = {
  appendLost: 0,
  appendUnanswered: 0,
  appendLate: 0,
  appendRefused: 0,
  appendTimedOut: 0,
  appendTwice: 0,
  appendOfLostTail: 0,
  readRefused: 0,
  redelivery: 0,
  disconnect: 0,
};

/** A new leader is there by then. */
const LONGEST_TAIL_MS = 15_000;

/** A claim of a step when it was first sent, which is when its machine decided: the machine awaits nothing in between. */
export type Claimed = Readonly<{
  eventId: string;
  stream: string;
  step: string;
  agent: string;
  worker: string;
  at: number;
  /** Since then its machine could read the whole log. */
  calmSince: number;
}>;

/** What a user has no rights for. */
export type Denied = 'appends' | 'reads';

export class EventStore {
  readonly log: InMemoryEventLog;
  faults: NetworkFaults = { ...NO_NETWORK_FAULTS };
  isAway = false;
  private readonly denied = new Set<Denied>();
  /** Streams at whose end a leader has events that it will lose. */
  private readonly tails = new Map<string, readonly NewEvent[]>();
  readonly claims: Claimed[] = [];
  private backAt = 0;
  private readonly read: RecordedEvent[] = [];
  private readonly streams = new Map<string, RecordedEvent[]>();
  private readonly subscriptions = new Set<Subscription>();
  /** By event id: whose append the server took. */
  private readonly appenders = new Map<string, Machine>();

  constructor(
    readonly timeline: Timeline,
    readonly random: Random,
    readonly happenings: Happenings,
  ) {
    this.log = new InMemoryEventLog(() => new Date(timeline.now), undefined, 1n);
  }

  get length(): number {
    return this.log.length;
  }

  /** The same object each time, so that a reader that changes it makes the others fail. */
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

  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision, machine?: Machine): Appended {
    this.mustBeThere();
    const before = this.length;
    const isThere = events.every(({ id }) => this.has(stream, id));
    const tail = isThere ? undefined : this.tails.get(stream);
    if (tail?.[0]!.id === events[0]!.id) throw new AppendOutcomeUnknown('Timeout');
    if (tail) throw new RevisionConflict(stream, expected, 'unknown');
    const appended = this.log.appendNow(stream, events, expected);
    for (let index = before; index < this.length; index++) {
      const { id, type, data, metadata, revision } = this.eventAt(index);
      if (machine) this.appenders.set(id, machine);
      this.happenings.count(`event ${type}`);
      this.happenings.tell(() => `  ${short(stream)}@${revision} ${type} ${describe(data, metadata)}`);
    }
    for (const subscription of this.subscriptions) subscription.look();
    return appended;
  }

  /** Milliseconds since the epoch. */
  recordedAt(stream: string, revision: bigint): number {
    return this.eventsOf(stream)[Number(revision)]!.recordedAt.getTime();
  }

  isOwn({ id }: RecordedEvent, machine: Machine): boolean {
    return this.appenders.get(id) === machine;
  }

  mustBeThere(): void {
    if (this.isAway) throw new LogUnavailable('The event store is away');
  }

  /** The application's user may append. */
  mustTake(): void {
    this.mustBeThere();
    if (this.denied.has('appends')) throw new LogUnavailable('Access denied');
  }

  mustShow(): void {
    this.mustBeThere();
    if (this.denied.has('reads')) throw new LogUnavailable('Access denied');
    if (this.hits('readRefused')) throw new LogUnavailable('Server Is Not Ready');
  }

  /** Whether the fault comes about now. Schedules without it draw no number for it. */
  hits(fault: keyof NetworkFaults): boolean {
    const probability = this.faults[fault];
    if (probability === 0 || !this.random.chance(probability)) return false;
    this.happenings.count(`network ${fault}`);
    return true;
  }

  /** Keeps an append for a while, and then has lost it. @throws as `append` */
  keepForAWhile(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): void {
    this.mustTake();
    const at = this.eventsOf(stream).at(-1)?.revision ?? 'none';
    if (at !== expected || this.tails.has(stream)) throw new RevisionConflict(stream, expected, at);
    this.tails.set(stream, events);
    this.timeline.after(this.random.between(1, LONGEST_TAIL_MS), () => {
      if (this.tails.get(stream) === events) this.tails.delete(stream);
    });
  }

  deny(what: Denied): void {
    this.denied.add(what);
    if (what === 'reads') this.loseSubscriptions();
  }

  permit(what: Denied): void {
    this.denied.delete(what);
    if (what === 'reads') this.backAt = this.timeline.now;
  }

  goAway(): void {
    this.isAway = true;
    this.loseSubscriptions();
  }

  comeBack(): void {
    this.isAway = false;
    this.backAt = this.timeline.now;
  }

  /** All that a server does wrong of itself is over. */
  heal(): void {
    this.faults = { ...NO_NETWORK_FAULTS };
    this.denied.clear();
    this.tails.clear();
    this.comeBack();
  }

  private loseSubscriptions(): void {
    for (const subscription of this.subscriptions) subscription.lose();
  }

  has(stream: string, eventId: string): boolean {
    return this.eventsOf(stream).some(({ id }) => id === eventId);
  }

  /** Notes the claims among events that a machine is about to append, for the first time or again. */
  sent(machine: Machine, stream: string, events: readonly NewEvent[]): void {
    for (const { id: eventId, type, data } of events) {
      if (type !== 'StepStarted' || this.claims.some((claim) => claim.eventId === eventId)) continue;
      const { step, agent, worker } = data as Pick<Claimed, 'step' | 'agent' | 'worker'>;
      const readableSince = this.denied.has('reads') ? this.timeline.now : this.backAt;
      const calmSince = Math.max(readableSince, machine.bornAt, machine.frozenUntil);
      this.claims.push({ eventId, stream, step, agent, worker, at: this.timeline.now, calmSince });
    }
  }

  open(machine: Machine, after: bigint | 'start', isWanted: (stream: string) => boolean): Subscription {
    this.mustShow();
    const next = after === 'start' ? 0 : this.indexAfter(after);
    const subscription = new Subscription(this, machine, next, isWanted);
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

const short = (stream: string) => (isWorkflow(stream) ? executionIdOf(stream).slice(0, 8) : stream);

const isWorkflow = (stream: string) => stream.startsWith(STREAM_PREFIX);

const describe = (data: unknown, metadata: unknown): string => {
  const { step, attempt, generation, worker, error, retryAt, cause } = data as Record<string, unknown>;
  const { summary, occurredAt } = (metadata ?? {}) as { summary?: { state: string }; occurredAt?: string };
  const code = (error as { code?: string } | undefined)?.code;
  return JSON.stringify({ step, attempt, generation, worker, code, retryAt, cause, state: summary?.state, occurredAt });
};
