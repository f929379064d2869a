/** Many appends over one call: each costs a message and an answer, where a call of its own costs a stream of HTTP/2. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import type { Appended, ExpectedRevision, NewEvent } from '../../application/log/event-log.js';
import type { AppendAnswer } from './append-messages.js';
import { batchAnswer } from './batch-answer.js';
import { describe } from './refusals.js';
import { callStreams, type AppendCall } from './streams-client.js';
import { within } from './within.js';

type Answer = AppendAnswer['answer'];
type Waiting = Readonly<{ resolve: (answer: Answer) => void; reject: (error: unknown) => void }>;
/** A call, and by their numbers the appends that wait for its answer. */
type Opened = Readonly<{ call: AppendCall; waiting: Map<bigint, Waiting> }>;

/**
 * The client has such a call too. Its own rejects appends of others that are under way, answers nobody who waits for ever,
 * and throws where nobody can catch it when an answer comes late.
 */
export class BatchAppends {
  /** Appends that have not ended. */
  underWay = 0;
  private opened: Promise<Opened> | undefined;
  private sent = 0n;

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Waits for its answer for so long.
   * @throws RevisionConflict, TimedOut; whatever else the server or the connection says, as it is
   */
  async append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    this.underWay += 1;
    const number = ++this.sent;
    let waiting: Opened['waiting'] | undefined;
    try {
      const answered = this.present().then(
        (opened) =>
          new Promise<Answer>((resolve, reject) => {
            waiting = opened.waiting;
            waiting.set(number, { resolve, reject });
            opened.call.write({ number, stream, events, expected, deadline: Date.now() + this.timeoutMs });
          }),
      );
      return batchAnswer(await within(this.timeoutMs, answered), stream, expected);
    } finally {
      waiting?.delete(number);
      this.underWay -= 1;
    }
  }

  /** Ends the call; who waits is told that the connection is lost. */
  async close(): Promise<void> {
    const opened = await this.opened?.catch(() => undefined);
    opened?.call.cancel();
  }

  /** What follows in the same turn is noticed by whoever loses the call. */
  private async present(): Promise<Opened> {
    for (;;) {
      const opening = (this.opened ??= this.open());
      const opened = await opening;
      if (this.opened === opening) return opened;
    }
  }

  private open(): Promise<Opened> {
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
        if (this.opened === opening) this.opened = undefined;
        // Without its code: what ended the call says nothing of the appends that were under way.
        const lost = new Error(describe(error));
        reject(lost);
        for (const one of waiting.values()) one.reject(lost);
      });
    });
    return opening;
  }
}
