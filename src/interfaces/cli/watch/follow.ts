import { setTimeout as delay } from 'node:timers/promises';
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import type { Message } from './picture.js';

export const FOLLOW_LIMITS = {
  /** Between two tries: doubled each time, from the first to the last. */
  firstPauseMs: 500,
  lastPauseMs: 10_000,
  /** Without a sign of life for so long, the connection is taken for lost. */
  silentMs: 60_000,
  connectMs: 30_000,
  /** Characters of one message. */
  message: 64 * 1024 * 1024,
  /** Bytes of an answer that refuses. */
  refusalBytes: 64 * 1024,
};

/** The API will not give this stream, however often it is asked. */
class Refused extends Error {}

type FollowListener = Readonly<{
  message: (message: Message) => void;
  /** Null: it is connected. */
  connection: (trouble: string | null) => void;
}>;

type Limits = typeof FOLLOW_LIMITS;

/**
 * Follows a stream to its end; after each interruption it connects again, from the last event that it has seen. `key`: an API key
 * or a token, for an API that asks who follows.
 * @throws Refused
 */
export const follow = (
  url: string,
  listener: FollowListener,
  signal: AbortSignal,
  { limits = FOLLOW_LIMITS, key = null }: Readonly<{ limits?: Limits; key?: string | null }> = {},
): Promise<void> => new Follower(url, listener, signal, limits, key).run();

class Follower {
  private lastId: string | null = null;
  private isEnded = false;
  private fault: Error | null = null;
  /** Why the API closes the stream, where it has said so. */
  private closing: string | null = null;
  private pause: number;
  private readonly parser: EventSourceParser;

  constructor(
    private readonly url: string,
    private readonly listener: FollowListener,
    private readonly signal: AbortSignal,
    private readonly limits: Limits,
    private readonly key: string | null,
  ) {
    this.pause = limits.firstPauseMs;
    this.parser = createParser({
      maxBufferSize: limits.message,
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') this.fault = error;
      },
      onEvent: (message) => this.take(message),
    });
  }

  async run(): Promise<void> {
    while (!this.signal.aborted) {
      let trouble = 'The connection was closed';
      this.closing = null;
      try {
        if (await this.connectOnce()) return;
      } catch (error) {
        if (this.signal.aborted) return;
        if (error instanceof Refused || this.fault) throw error;
        trouble = error instanceof Error ? reasonOf(error) : String(error);
      }
      if (this.isEnded) return;
      trouble = this.closing ?? trouble;
      this.listener.connection(`${trouble}; trying again in ${(this.pause / 1_000).toFixed(1)} s`);
      await delay(this.pause, undefined, { signal: this.signal }).catch(() => undefined);
      this.pause = Math.min(2 * this.pause, this.limits.lastPauseMs);
    }
  }

  /** @returns whether the stream has ended for good */
  private async connectOnce(): Promise<boolean> {
    this.parser.reset();
    const { signal, limits } = this;
    const silence = new AbortController();
    const giveUp = (ms: number) => setTimeout(() => silence.abort(new Error(`Nothing came for ${ms} ms`)), ms);
    let patience = giveUp(limits.connectMs);
    try {
      const response = await fetch(this.url, {
        // A connection of its own: the API may be closing a kept one at this moment.
        headers: {
          accept: 'text/event-stream',
          connection: 'close',
          ...(this.key !== null && { authorization: `Bearer ${this.key}` }),
          ...(this.lastId !== null && { 'last-event-id': this.lastId }),
        },
        signal: AbortSignal.any([signal, silence.signal]),
      });
      if (response.status === 204) return true;
      if (response.status !== 200 || !response.body) throw await refusalOf(response, limits.refusalBytes);
      let isBegun = false;
      const decoder = new TextDecoder();
      for await (const chunk of response.body) {
        clearTimeout(patience);
        patience = giveUp(limits.silentMs);
        this.parser.feed(decoder.decode(chunk, { stream: true }));
        if (this.fault) throw this.fault;
        // A stream that begins with its closing message shows nothing: the pauses grow as after any refusal.
        if (isBegun || this.closing !== null) continue;
        isBegun = true;
        this.listener.connection(null);
        this.pause = limits.firstPauseMs;
      }
      return this.isEnded;
    } finally {
      clearTimeout(patience);
    }
  }

  private take({ id, event, data }: EventSourceMessage): void {
    this.lastId = id ?? this.lastId;
    this.isEnded = event === 'end';
    if (event === 'closing') this.closing = closingReasonOf(data);
    if (event !== 'snapshot' && event !== 'event' && event !== 'end') return;
    const content: unknown = JSON.parse(data);
    this.listener.message({ event, data: content } as Message);
  }
}

/** `fetch` says what has failed in the cause. */
const reasonOf = (error: Error): string => {
  const { message, code } = (error.cause ?? error) as NodeJS.ErrnoException;
  return message || code || error.message;
};

const closingReasonOf = (data: string): string => {
  const { message, reason } = JSON.parse(data) as { message?: string; reason?: string };
  return message ?? `The API closed the stream: ${reason}`;
};

/** @returns a Refused where asking again would not help */
const refusalOf = async ({ status, body }: Response, most: number): Promise<Error> => {
  let text = '';
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.length > most) break;
  }
  const message = messageOf(text, status);
  return status < 500 && status !== 429 ? new Refused(message) : new Error(message);
};

const messageOf = (text: string, status: number): string => {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return `${error.code}: ${error.message}`;
  } catch {
    return `The API answered ${status}`;
  }
};
