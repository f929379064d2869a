/** Many appends over a few calls: each costs a message and an answer, where a call of its own costs a stream of HTTP/2. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import type { Appended, ExpectedRevision, NewEvent } from '../../application/log/event-log.js';
import { encodeAppend, type AppendAnswer, type ServerAnswer } from './append-messages.js';
import { appendFailure, lostCall, tooLarge, verdictOf } from './append-verdict.js';
import { within } from './call-errors.js';
import { callStreams, type AppendCall } from './streams-client.js';

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
/** The place of a call: appends that have not ended, and the call where one is open. */
type Place = { underWay: number; opened?: Promise<Opened> };

/**
 * The library sends one message of a call at a time, and the next when the one before has left the process. Over some calls side
 * by side so many leave at once. A call is opened when all others have something under way.
 *
 * The client has such calls too, and they are not used: they share one table of pending appends in the whole process, reject
 * other appends that are under way, never time out, and end the process where an answer comes late or twice. Here each call has
 * a table of its own, and an answer that no append waits for is passed over.
 */
export class AppendPool {
  private readonly places: readonly Place[];
  private sent = 0n;

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly limits: AppendPoolLimits,
  ) {
    this.places = Array.from({ length: limits.appendCalls }, () => ({ underWay: 0 }));
  }

  /** @throws as the port says */
  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    const { appendTimeoutMs, maxAppendBytes } = this.limits;
    const number = ++this.sent;
    const message = encodeAppend({ number, stream, events, expected, withinMs: appendTimeoutMs });
    if (message.length > maxAppendBytes) throw tooLarge(stream, maxAppendBytes);
    const place = this.places.reduce((best, other) => (other.underWay < best.underWay ? other : best));
    place.underWay += 1;
    let waiting: Opened['waiting'] | undefined;
    try {
      const answered = this.present(place).then(
        (opened) =>
          new Promise<ServerAnswer>((resolve, reject) => {
            waiting = opened.waiting;
            waiting.set(number, { resolve, reject });
            opened.call.write(message);
          }),
      );
      return verdictOf(await within(appendTimeoutMs, answered), stream, expected);
    } catch (error) {
      throw appendFailure(stream, error);
    } finally {
      waiting?.delete(number);
      place.underWay -= 1;
    }
  }

  /** Ends the calls; appends under way fail as when the connection is lost. */
  async close(): Promise<void> {
    const end = async ({ opened }: Place) => (await opened?.catch(() => undefined))?.call.cancel();
    await Promise.all(this.places.map(end));
  }

  /** An append that follows in the same turn fails with the call when the call is lost. */
  private async present(place: Place): Promise<Opened> {
    for (;;) {
      const opening = (place.opened ??= this.open(place));
      const opened = await opening;
      if (place.opened === opening) return opened;
    }
  }

  private open(place: Place): Promise<Opened> {
    const waiting: Opened['waiting'] = new Map();
    const opening = new Promise<Opened>((resolve, reject) => {
      const failed = callStreams(this.client, 'batchAppend', (streams, ...callArguments) => {
        const call = streams.batchAppend(...callArguments);
        call.on('data', ({ number, answer }: AppendAnswer) => waiting.get(number)?.resolve(answer));
        resolve({ call, waiting });
        return new Promise<never>((_, lost) => {
          call.on('error', lost);
          call.on('end', () => lost(new Error('The server has ended the call for appends')));
        });
      });
      failed.catch((error: unknown) => {
        if (place.opened === opening) place.opened = undefined;
        const lost = lostCall(error);
        reject(lost);
        for (const append of waiting.values()) append.reject(lost);
      });
    });
    return opening;
  }
}
