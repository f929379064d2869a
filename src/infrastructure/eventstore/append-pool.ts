/** Many appends over a few calls: each costs a message and an answer, where a call of its own costs a stream of HTTP/2. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import {
  AppendOutcomeUnknown,
  RevisionConflict,
  StreamTombstoned,
  type Appended,
  type ExpectedRevision,
  type NewEvent,
} from '../../application/log/event-log.js';
import { batchAnswer, type AppendAnswer } from './append-messages.js';
import { describe, isRefusal, unavailable, within } from './call-errors.js';
import { callStreams, type AppendCall } from './streams-client.js';

type Answer = AppendAnswer['answer'];
type Waiting = Readonly<{ resolve: (answer: Answer) => void; reject: (error: unknown) => void }>;
/** A call, and by their numbers the appends that wait for its answer. */
type Opened = Readonly<{ call: AppendCall; waiting: Map<bigint, Waiting> }>;
/** The place of a call: appends that have not ended, and the call where one is open. */
type Place = { underWay: number; opened?: Promise<Opened> };

/**
 * The library sends one message of a call at a time, and the next when the one before has left the process. Over some calls side
 * by side so many leave at once. A call is opened when all others have something under way.
 *
 * The client has such calls too. Its own reject other appends that are under way, never time out, and throw where no caller can
 * catch it when an answer comes late.
 */
export class AppendPool {
  private readonly places: readonly Place[];
  private readonly timeoutMs: number;
  private sent = 0n;

  constructor(
    private readonly client: EventStoreDBClient,
    { appendTimeoutMs, appendCalls }: Readonly<{ appendTimeoutMs: number; appendCalls: number }>,
  ) {
    this.timeoutMs = appendTimeoutMs;
    this.places = Array.from({ length: appendCalls }, () => ({ underWay: 0 }));
  }

  /** @throws as the port says */
  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    const place = this.places.reduce((best, other) => (other.underWay < best.underWay ? other : best));
    place.underWay += 1;
    const number = ++this.sent;
    let waiting: Opened['waiting'] | undefined;
    try {
      const answered = this.present(place).then(
        (opened) =>
          new Promise<Answer>((resolve, reject) => {
            waiting = opened.waiting;
            waiting.set(number, { resolve, reject });
            opened.call.write({ number, stream, events, expected, deadline: Date.now() + this.timeoutMs });
          }),
      );
      return batchAnswer(await within(this.timeoutMs, answered), stream, expected);
    } catch (error) {
      throw appendError(stream, error);
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
        // Without its code: what ended the call says nothing of the appends that were under way.
        const lost = new Error(describe(error));
        reject(lost);
        for (const append of waiting.values()) append.reject(lost);
      });
    });
    return opening;
  }
}

const appendError = (stream: string, error: unknown): Error => {
  if ([AppendOutcomeUnknown, RevisionConflict, StreamTombstoned].some((known) => error instanceof known))
    return error as Error;
  if (isRefusal(error)) return unavailable(`Append to ${stream} was refused`, error);
  return new AppendOutcomeUnknown(`Append to ${stream}: ${describe(error)}`, { cause: error });
};
