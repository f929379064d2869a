/**
 * Subscriptions to the whole log, over the client's channel (its own pass each event through more functions than the log needs),
 * and the watch that tells a lost one from an idle one.
 */
import type { EventStoreDBClient } from '@eventstore/db-client';
import {
  LogUnavailable,
  positionOf,
  SubscriptionDropped,
  type EventLog,
  type SubscriptionMessage,
} from '../../application/log/event-log.js';
import { unavailable } from './call-errors.js';
import type { OwnEvents } from './own-events.js';
import { subscriptionRequest, type StreamMessage } from './read-messages.js';
import { callStreams, type Headers, type Received } from './streams-client.js';

type Position = bigint | 'start';

type Asked = Parameters<EventLog['subscribe']>[0] &
  Readonly<{
    /** An event that is in the log and is not received for this long means that the subscription is lost, milliseconds. */
    silenceMs: number;
    log: Pick<EventLog, 'head' | 'page'>;
    own: OwnEvents;
    headers: Headers;
    /** Ends it with LogUnavailable, where the port's `signal` ends it quietly. */
    closing: AbortSignal;
  }>;

/**
 * What the streams have whose names begin with (one of) `prefix`, after that position.
 * @throws SubscriptionDropped, LogUnavailable when the subscription is lost, or closed by the client
 */
export async function* subscribeToAll(client: EventStoreDBClient, asked: Asked): AsyncGenerator<SubscriptionMessage> {
  const { after, signal, closing, own, headers } = asked;
  if (signal.aborted) return;
  const closed = () => new LogUnavailable('The connection to the log was closed');
  if (closing.aborted) throw closed();
  const prefixes = [asked.prefix].flat();
  let leave: (cause?: Error) => void = () => undefined;
  const opening = open(client, prefixes, after, headers);
  const isWanted = (stream: string) => prefixes.some((prefix) => stream.startsWith(prefix));
  let reached = after;
  const onAbort = () => leave();
  const onClosing = () => leave(closed());
  signal.addEventListener('abort', onAbort, { once: true });
  closing.addEventListener('abort', onClosing, { once: true });
  const silence = new SilenceWatch({ ...asked, prefixes }, (cause) => leave(cause));
  try {
    const ended = new Promise<null>((resolve, reject) => {
      leave = (cause) => (cause ? reject(cause) : resolve(null));
    });
    const opened = await Promise.race([opening, ended]);
    if (!opened || signal.aborted) return;
    if (closing.aborted) throw closed();
    leave = opened.leave;
    for await (const { message } of opened.received) {
      if (signal.aborted) return;
      silence.received(message);
      if (message?.kind === 'own') {
        const places = { after: reached, upTo: message.position, count: message.count };
        for (const event of await own.at(places, isWanted)) yield { kind: 'event', event };
      } else if (message) yield message;
      reached = placeOf(message) ?? reached;
      silence.waits();
    }
    if (!signal.aborted) throw new LogUnavailable('The subscription was ended by the server');
  } catch (error) {
    if (!signal.aborted) throw lossOf(error);
  } finally {
    silence.stop();
    signal.removeEventListener('abort', onAbort);
    closing.removeEventListener('abort', onClosing);
    opening.then(
      (opened) => opened.leave(),
      () => undefined,
    );
  }
}

const placeOf = (message: StreamMessage | null): bigint | null => {
  if (message === null) return null;
  return message.kind === 'own' ? message.position : positionOf(message);
};

/** In the words of EventStoreDB; it has no status of its own. */
const TOO_SLOW = /consumer too slow/i;

const lossOf = (error: unknown): LogUnavailable => {
  const said = String((error as { message?: unknown }).message ?? error);
  if (!TOO_SLOW.test(said)) return unavailable('The subscription is lost', error);
  return new SubscriptionDropped(`The event store dropped the subscription: ${said}`, { cause: error });
};

type Opened = Readonly<{
  received: AsyncIterable<Received>;
  /** Ends what is received, with the cause where there is one. */
  leave: (cause?: Error) => void;
}>;

const open = (
  client: EventStoreDBClient,
  prefixes: readonly string[],
  after: Position,
  headers: Headers,
): Promise<Opened> =>
  new Promise((resolve, reject) => {
    const over = callStreams(client, 'subscribeToAll', headers, (streams, ...callArguments) => {
      const call = streams.read(subscriptionRequest(prefixes, after), ...callArguments);
      let isLeaving = false;
      return new Promise<void>((left, lost) => {
        // The client takes a call that was cancelled for a sign that its channel is broken: it must not hear of our own.
        call.on('error', (error) => (isLeaving ? left() : lost(error)));
        call.on('close', left);
        const leave = (cause?: Error) => {
          isLeaving = true;
          call.destroy(cause);
          call.cancel();
        };
        resolve({ received: call as AsyncIterable<Received>, leave });
      });
    });
    over.catch(reject);
  });

type Watched = Readonly<{ prefixes: readonly string[]; after: Position }> & Pick<Asked, 'silenceMs' | 'log'>;

/** Looks this many times within `silenceMs`; so many looks in a row that find an event which was not received are a loss. */
const LOOKS = 4;
const MISSES = 3;
/** Events that one look reads at a time. */
const PAGE_EVENTS = 100;

/**
 * Tells an idle subscription from a lost one. A server need not send anything while nothing matches (EventStoreDB never
 * does): what counts is whether the log holds an event that the subscription should have received.
 */
export class SilenceWatch {
  private readonly timer: NodeJS.Timeout;
  /** Up to here the log holds nothing that is still to be received. */
  private passed: Position;
  private isSilent = true;
  private isWaiting = true;
  private isLooking = false;
  private misses = 0;

  constructor(
    private readonly watched: Watched,
    private readonly lost: (cause: Error) => void,
  ) {
    this.passed = watched.after;
    this.timer = setInterval(() => void this.look(), watched.silenceMs / LOOKS);
  }

  /** From here to `waits` the subscriber is busy: nothing is taken from the connection, so nothing can be missed. */
  received(message: StreamMessage | null): void {
    this.isWaiting = false;
    const position = placeOf(message);
    if (position !== null) this.pass(position);
  }

  /** The subscriber waits for the next message. */
  waits(): void {
    this.isWaiting = true;
    this.isSilent = false;
    this.misses = 0;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const wasSilent = this.isSilent;
    this.isSilent = true;
    if (!wasSilent || !this.isWaiting || this.isLooking) return;
    this.isLooking = true;
    // A log that cannot be read may hold anything.
    const isOwed = await this.isOwed().catch(() => true);
    this.isLooking = false;
    if (!this.isSilent || !this.isWaiting) return;
    this.misses = isOwed ? this.misses + 1 : 0;
    if (this.misses < MISSES) return;
    this.lost(new Error(`nothing was heard within ${this.watched.silenceMs} ms, and there was something to hear`));
  }

  /** Where nothing was appended since the last look, this reads one event. @throws LogUnavailable */
  private async isOwed(): Promise<boolean> {
    const { log, prefixes } = this.watched;
    const head = await log.head();
    while (head !== 'start' && isBefore(this.passed, head)) {
      const page = await log.page(this.passed, PAGE_EVENTS);
      const last = page.at(-1);
      if (!last) return false;
      if (page.some(({ stream }) => prefixes.some((prefix) => stream.startsWith(prefix)))) return true;
      this.pass(last.position);
    }
    return false;
  }

  private pass(position: bigint): void {
    if (isBefore(this.passed, position)) this.passed = position;
  }
}

const isBefore = (position: Position, other: bigint): boolean => position === 'start' || position < other;
