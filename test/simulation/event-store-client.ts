/** One machine's connection to the event log, which may lose, delay or repeat its requests. */
import {
  AppendOutcomeUnknown,
  EventLog,
  LogUnavailable,
  type Appended,
  type ExpectedRevision,
  type SubscriptionMessage,
  type NewEvent,
  type PageAsked,
  type RecordedEvent,
} from '../../src/application/log/event-log.js';
import type { Clock } from '../../src/application/runtime/clock.js';
import { OwnEvents } from '../../src/infrastructure/eventstore/own-events.js';
import { pageOf } from '../../src/testing/in-memory.event-log.js';
import type { EventStore } from './event-store.js';
import type { Machine } from './machine.js';

/** The time after which the client stops waiting for an answer. */
const ANSWER_TIMEOUT_MS = 2_500;
/** A delayed request may arrive long after its sender has stopped waiting. */
const LATEST_ARRIVAL_MS = 20_000;
/** Room for few, so that others are read from the log. */
const OWN = { keptBytes: 4, answerMs: 250 };

export class EventStoreClient extends EventLog {
  private readonly own: OwnEvents;

  constructor(
    private readonly store: EventStore,
    private readonly machine: Machine,
    clock: Clock,
  ) {
    super();
    this.own = new OwnEvents(this, OWN, clock);
  }

  read(stream: string, from = 0n) {
    return this.machine.ask('read', () => {
      this.store.mustShow();
      const stored = this.store.eventsOf(stream);
      return { events: stored.slice(Number(from)), revision: stored.at(-1)?.revision ?? ('none' as const) };
    });
  }

  readPage(stream: string, page: PageAsked) {
    return this.machine.ask('read', () => {
      this.store.mustShow();
      return pageOf(this.store.eventsOf(stream), page);
    });
  }

  head(): Promise<bigint | 'start'> {
    return this.machine.ask('head', () => {
      this.store.mustShow();
      return this.store.events.at(-1)?.position ?? 'start';
    });
  }

  page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    return this.machine.ask('page', () => {
      this.store.mustShow();
      return this.store.events.filter(({ position }) => after === 'start' || position > after).slice(0, limit);
    });
  }

  at(position: bigint): Promise<RecordedEvent | 'none'> {
    return this.machine.ask('at', () => {
      this.store.mustBeThere();
      return this.store.events.find((event) => event.position === position) ?? 'none';
    });
  }

  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    const { faults, random, happenings } = this.store;
    const serve = () => this.serve(stream, events, expected);
    this.store.sent(this.machine, stream, events);
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
    return (this.worse(stream, events, expected) ?? this.machine.ask('append', serve)).then((appended) => {
      const created = this.store.recordedAt(stream, appended.revision);
      this.own.keep(stream, events, { ...appended, created }, 1);
      return appended;
    });
  }

  private serve(...append: Parameters<EventStore['append']>): Appended {
    this.store.mustTake();
    const [stream, events, expected] = append;
    return this.store.append(stream, events, expected, this.machine);
  }

  /** What servers do to an append that arrives in time; undefined: nothing. */
  private worse(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ): Promise<Appended> | undefined {
    const { store, machine } = this;
    const serve = () => this.serve(stream, events, expected);
    const refused = () => {
      throw new LogUnavailable('Server Is Not Ready');
    };
    if (store.hits('appendRefused')) return machine.ask('append', refused);
    if (store.hits('appendTimedOut')) {
      return machine.ask('append', () => {
        serve();
        throw new AppendOutcomeUnknown('Timeout');
      });
    }
    if (store.hits('appendOfLostTail')) return this.unanswered(() => store.keepForAWhile(stream, events, expected));
    if (!store.hits('appendTwice')) return undefined;
    return machine.ask('append', () => {
      const appended = serve();
      store.timeline.after(store.random.between(1, LATEST_ARRIVAL_MS), () => quietly(serve));
      return appended;
    });
  }

  async *subscribe(
    options: Readonly<{ prefix: string | readonly string[]; after: bigint | 'start'; signal: AbortSignal }>,
  ): AsyncGenerator<SubscriptionMessage> {
    const { prefix, after, signal } = options;
    const isWanted = (stream: string) => [prefix].flat().some((each) => stream.startsWith(each));
    const subscription = await this.machine.ask('subscribe', () => this.store.open(this.machine, after, isWanted));
    let reached = after;
    for await (const seen of subscription.signals(signal)) {
      if (seen.kind === 'own') {
        const places = { after: reached, upTo: seen.position, count: seen.count };
        for (const event of await this.own.at(places, isWanted)) yield { kind: 'event', event };
        reached = seen.position;
      } else if (seen.kind !== 'event') yield seen;
      else {
        yield isWanted(seen.event.stream) ? seen : { kind: 'checkpoint', position: seen.event.position };
        reached = seen.event.position;
      }
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
    // The machine gets no answer, so it gets no error either.
  }
};
