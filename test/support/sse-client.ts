/** A client of server-sent events that reconnects with the last id, as EventSource does. */
import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';

/* eslint-disable @typescript-eslint/no-explicit-any -- what a message holds is what tests assert */
type SseMessage = Readonly<{ id: string; event: string; data: any }>;

export type SseClient = Readonly<{
  messages: readonly SseMessage[];
  /** The status of each answer, in order; 0 if there was none. */
  statuses: readonly number[];
  named: (event: string) => readonly SseMessage[];
  /** The revisions of the events that it received. */
  revisions: () => readonly number[];
  /** Cuts the present connection; the client reconnects. */
  cut: () => void;
  /** From now on the client connects to this address. */
  goTo: (url: string) => void;
  close: () => Promise<void>;
  /** Resolves when the client stops reconnecting: after 204, or an answer that is no stream. */
  done: Promise<void>;
}>;

const COME_AGAIN_MS = 50;

/** @param once the client does not reconnect. @param more headers, such as a credential */
export const followSse = (
  url: string,
  path: string,
  {
    lastEventId = '',
    once = false,
    more = {},
  }: Readonly<{ lastEventId?: string; once?: boolean; more?: Readonly<Record<string, string>> }> = {},
): SseClient => {
  const [messages, statuses]: [SseMessage[], number[]] = [[], []];
  let [base, lastId, isClosed] = [url, lastEventId, false];
  let cutting = new AbortController();
  const parser = createParser({
    onEvent: ({ id, event = 'message', data }) => {
      lastId = id ?? lastId;
      messages.push({ id: lastId, event, data: JSON.parse(data) });
    },
  });

  const connect = async (): Promise<boolean> => {
    cutting = new AbortController();
    parser.reset();
    try {
      const headers = { accept: 'text/event-stream', ...more, ...(lastId !== '' && { 'last-event-id': lastId }) };
      const response = await fetch(base + path, { headers, signal: cutting.signal });
      statuses.push(response.status);
      if (response.status !== 200 || !response.body) return false;
      const decoder = new TextDecoder();
      for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }));
    } catch {
      statuses.push(0);
    }
    return true;
  };
  const follow = async () => {
    while (!isClosed && (await connect()) && !once) await delay(COME_AGAIN_MS);
  };
  const done = follow();
  const cut = () => cutting.abort();
  return {
    messages,
    statuses,
    done,
    cut,
    named: (name) => messages.filter(({ event }) => event === name),
    revisions: () => messages.filter(({ event }) => event === 'event').map(({ data }) => Number(data.event.revision)),
    goTo: (to) => void (base = to),
    close: async () => {
      isClosed = true;
      cut();
      await done;
    },
  };
};
