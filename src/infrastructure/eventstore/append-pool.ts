/** Many appends over a few calls: each costs a message and an answer, where a call of its own costs a stream of HTTP/2. */
import { AppendTooLarge, type ExpectedRevision, type NewEvent } from '../../application/log/event-log.js';
import type { AppendCall, OpenAppendCall } from './append-call.js';
import { encodeAppend, type ServerAnswer, type Taken } from './append-messages.js';
import { appendFailure, lostCall, verdictOf } from './append-verdict.js';

type AppendPoolLimits = Readonly<{
  /** After this time the outcome of an append is not known. The server is given the same time. */
  appendTimeoutMs: number;
  /** Calls over which appends go side by side. */
  appendCalls: number;
  /** A larger append would end its call, and the others under way on it: it is not sent. */
  maxAppendBytes: number;
}>;

type Waiting = Readonly<{ resolve: (answer: ServerAnswer) => void; reject: (error: unknown) => void }>;
/** A call, and by their numbers the appends that wait for its answer. */
type Opened = Readonly<{ call: AppendCall; waiting: Map<bigint, Waiting> }>;
/** The place of a call: appends that have not ended, and the call where one is open; `ready` where it is open by now. */
type Place = { readonly open: OpenAppendCall; underWay: number; opened?: Promise<Opened>; ready?: Opened };
/** An append under way: the table in which it waits, once it is sent. */
type Sending = {
  readonly number: bigint;
  readonly message: Buffer;
  timer?: NodeJS.Timeout;
  waiting?: Opened['waiting'];
  isOver?: boolean;
};

/** Not where its time was over before the call was open: nobody would wait for the answer. */
const send = (sending: Sending, { call, waiting }: Opened, own: Waiting): void => {
  if (sending.isOver) return;
  sending.waiting = waiting;
  waiting.set(sending.number, own);
  call.write(sending.message);
};

/** `own`: over a connection of its own, where the server can be reached so. */
export type AppendCalls = Readonly<{ ofClient: OpenAppendCall; own: OpenAppendCall | null }>;

/** An append that the log has taken. `bytes`: of its message. */
export type Put = Taken & Readonly<{ bytes: number }>;

/**
 * The library sends one message of a call at a time, and the next when the one before has left the process. Over some calls side
 * by side so many leave at once. A call is opened when all others have something under way. An embedded node, which shows by
 * its answers that it is one, then gets all appends over one connection of its own; when that is lost, the client's channel is
 * used until the next answer of such a node.
 *
 * The client has such calls too, and they are not used: they share one table of pending appends in the whole process, reject
 * other appends that are under way, never time out, and end the process where an answer comes late or twice. Here each call has
 * a table of its own, and an answer that no append waits for is passed over.
 */
export class AppendPool {
  private readonly places: readonly Place[];
  private readonly own: Place | null;
  private isOwnUsed = false;
  private sent = 0n;

  constructor(
    calls: AppendCalls,
    private readonly limits: AppendPoolLimits,
  ) {
    this.places = Array.from({ length: limits.appendCalls }, () => ({ open: calls.ofClient, underWay: 0 }));
    this.own = calls.own && { open: calls.own, underWay: 0 };
  }

  /** @throws as the port says */
  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Put> {
    if (events.length === 0) throw new RangeError(`Append to ${stream}: expected at least one event, got none`);
    const { appendTimeoutMs: withinMs, maxAppendBytes } = this.limits;
    const number = ++this.sent;
    const message = encodeAppend({ number, stream, events, expected, withinMs });
    const bytes = message.length;
    if (bytes > maxAppendBytes)
      throw new AppendTooLarge(stream, maxAppendBytes, bytes, 'MaxAppendSize of the event store');
    const place = this.own && this.isOwnUsed ? this.own : this.idlest();
    const sending: Sending = { number, message };
    place.underWay += 1;
    try {
      const { revision, position, created } = verdictOf(await this.answerTo(sending, place), stream, expected);
      this.isOwnUsed ||= created !== undefined && this.own !== null;
      return { revision, position, created, bytes };
    } catch (error) {
      throw appendFailure(stream, error);
    } finally {
      clearTimeout(sending.timer);
      sending.isOver = true;
      sending.waiting?.delete(number);
      place.underWay -= 1;
    }
  }

  private idlest(): Place {
    let best = this.places[0]!;
    for (const other of this.places) if (other.underWay < best.underWay) best = other;
    return best;
  }

  /** One promise for the opening of the call, the answer, and the time of both: each step of each execution waits here. */
  private answerTo(sending: Sending, place: Place): Promise<ServerAnswer> {
    return new Promise((resolve, reject) => {
      const ms = this.limits.appendTimeoutMs;
      sending.timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
      const waiting: Waiting = { resolve, reject };
      if (place.ready) send(sending, place.ready, waiting);
      else
        this.present(place)
          .then((opened) => send(sending, opened, waiting))
          .catch(reject);
    });
  }

  /** Ends the calls; appends under way fail as when the connection is lost. */
  async close(): Promise<void> {
    const end = async ({ opened }: Place) => (await opened?.catch(() => undefined))?.call.cancel();
    await Promise.all([...this.places, ...(this.own ? [this.own] : [])].map(end));
  }

  /** An append that follows in the same turn fails with the call when the call is lost. */
  private async present(place: Place): Promise<Opened> {
    for (;;) {
      const opening = (place.opened ??= this.open(place));
      const opened = await opening;
      if (place.opened === opening) return (place.ready = opened);
    }
  }

  private open(place: Place): Promise<Opened> {
    const waiting: Opened['waiting'] = new Map();
    const forget = (error: unknown): Error => {
      if (place === this.own) this.isOwnUsed = false;
      if (place.opened === opening) [place.opened, place.ready] = [undefined, undefined];
      const lost = lostCall(error);
      for (const append of waiting.values()) append.reject(lost);
      return lost;
    };
    const opening = place
      .open({ answered: ({ number, answer }) => waiting.get(number)?.resolve(answer), lost: forget })
      .then(
        (call) => ({ call, waiting }),
        (error: unknown) => {
          throw forget(error);
        },
      );
    return opening;
  }
}
