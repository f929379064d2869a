import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
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
 * Follows a stream to its end, coming again from where it was whenever it is cut off.
 * @throws Refused
 */
export const follow = async (
  url: string,
  listener: FollowListener,
  signal: AbortSignal,
  limits: Limits = FOLLOW_LIMITS,
): Promise<void> => {
  let [lastId, pause, isEnded]: [string | null, number, boolean] = [null, limits.firstPauseMs, false];
  let fault: Error | null = null;
  let goodbye: string | null = null;
  const parser = createParser({
    maxBufferSize: limits.message,
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') fault = error;
    },
    onEvent: ({ id, event, data }) => {
      lastId = id ?? lastId;
      isEnded = event === 'end';
      if (event === 'closing') goodbye = goodbyeOf(data);
      if (event !== 'snapshot' && event !== 'event' && event !== 'end') return;
      const content: unknown = JSON.parse(data);
      listener.message({ event, data: content } as Message);
    },
  });

  const once = async (): Promise<boolean> => {
    parser.reset();
    const silence = new AbortController();
    const giveUp = (ms: number) => setTimeout(() => silence.abort(new Error(`Nothing came for ${ms} ms`)), ms);
    let patience = giveUp(limits.connectMs);
    try {
      const response = await fetch(url, {
        // Not over a connection that was kept from an answer before: the API may close it in this moment.
        headers: {
          accept: 'text/event-stream',
          connection: 'close',
          ...(lastId !== null && { 'last-event-id': lastId }),
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
        parser.feed(decoder.decode(chunk, { stream: true }));
        if (fault) throw fault;
        // A stream that begins with a goodbye is none: the pauses grow as after any refusal.
        if (isBegun || goodbye !== null) continue;
        isBegun = true;
        listener.connection(null);
        pause = limits.firstPauseMs;
      }
      return isEnded;
    } finally {
      clearTimeout(patience);
    }
  };

  while (!signal.aborted) {
    let trouble = 'The connection was closed';
    goodbye = null;
    try {
      if (await once()) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused || fault) throw error;
      trouble = error instanceof Error ? reasonOf(error) : String(error);
    }
    if (isEnded) return;
    trouble = goodbye ?? trouble;
    listener.connection(`${trouble}; trying again in ${(pause / 1_000).toFixed(1)} s`);
    await delay(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(2 * pause, limits.lastPauseMs);
  }
};

/** `fetch` says what has failed in the cause. */
const reasonOf = (error: Error): string => {
  const { message, code } = (error.cause ?? error) as NodeJS.ErrnoException;
  return message || code || error.message;
};

const goodbyeOf = (data: string): string => {
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
