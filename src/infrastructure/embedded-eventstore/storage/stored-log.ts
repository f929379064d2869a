import {
  EventLog,
  LogUnavailable,
  type SubscriptionMessage,
  type PageAsked,
  type RecordedEvent,
} from '../../../application/log/event-log.js';
import { asRecorded } from '../../../application/log/recorded-place.js';

const PAGE = 1_000;
const AS_TEXT = `convert_from(data, 'UTF8') as data, convert_from(metadata, 'UTF8') as metadata`;

/** An event as the database gives it. What is not UTF-8 comes as bytes. */
export type StoredRow = Readonly<{
  position: string;
  stream: string;
  revision: string;
  id: string;
  type: string;
  created: string;
  json: boolean;
  data: string | Uint8Array;
  metadata: string | Uint8Array;
}>;

/** Runs a statement with its parameters. @returns its rows */
export type Query = (sql: string, parameters: readonly unknown[]) => Promise<unknown>;

/**
 * The node's events as the database stores them at this moment. A node that runs answers for the newest ones from its memory
 * and would not see that they were changed in the table. To be read only; `subscribe` ends when it has caught up.
 */
export class StoredLog extends EventLog {
  constructor(private readonly query: Query) {
    super();
  }

  async read(stream: string, from = 0n) {
    const events: RecordedEvent[] = [];
    for (let next = from; ; next = events.at(-1)!.revision + 1n) {
      const rows = await this.rows('stream = $1 and revision >= $2 order by revision', [stream, String(next)]);
      events.push(...rows.map(recorded));
      if (rows.length === PAGE) continue;
      const last = events.at(-1) ?? (await this.rows('stream = $1 order by revision desc', [stream])).map(recorded)[0];
      return { events, revision: last?.revision ?? ('none' as const) };
    }
  }

  async readPage(stream: string, { direction, from, limit }: PageAsked): Promise<readonly RecordedEvent[]> {
    const at = from === 'end' ? '9223372036854775807' : String(from);
    const order =
      direction === 'forwards' ? 'revision >= $2 order by revision' : 'revision <= $2 order by revision desc';
    return (await this.rows(`stream = $1 and ${order}`, [stream, at], limit)).map(recorded);
  }

  async head(): Promise<bigint | 'start'> {
    const [last] = await this.rows('position >= $1 order by position desc', ['0']);
    return last ? BigInt(last.position) : 'start';
  }

  async page(after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    const rows = await this.rows('position > $1 order by position', [after === 'start' ? '-1' : String(after)], limit);
    return rows.map(recorded);
  }

  async at(position: bigint): Promise<RecordedEvent | 'none'> {
    const [found] = await this.rows('position = $1', [String(position)], 1);
    return found ? recorded(found) : 'none';
  }

  append(stream: string): Promise<never> {
    return Promise.reject(new LogUnavailable(`Append to ${stream}: this log is only read`));
  }

  async *subscribe({
    prefix,
    after,
    signal,
  }: Parameters<EventLog['subscribe']>[0]): AsyncGenerator<SubscriptionMessage, void, undefined> {
    const prefixes = [prefix].flat();
    for (let last = after === 'start' ? -1n : after; ;) {
      const rows = await this.rows('position > $1 and stream ^@ any($2) order by position', [String(last), prefixes]);
      for (const event of rows.map(recorded)) {
        if (signal.aborted) return;
        yield { kind: 'event', event };
        last = event.position;
      }
      if (rows.length === PAGE) continue;
      yield { kind: 'caught-up' };
      return;
    }
  }

  /** Of streams with one of these prefixes, in the order of the log. */
  rowsAfter(position: bigint, prefixes: readonly string[], limit: number): Promise<readonly StoredRow[]> {
    return this.rows('position > $1 and stream ^@ any($2) order by position', [String(position), prefixes], limit);
  }

  /** Texts cost a third of what bytes do, which the database writes in hexadecimal digits. */
  private async rows(which: string, parameters: readonly unknown[], limit = PAGE): Promise<readonly StoredRow[]> {
    const ask = async (contents: string) => {
      const columns = `position, stream, revision, id, type, json, created, ${contents}`;
      const sql = `select ${columns} from eventstore.events where ${which} limit ${Math.trunc(limit)}`;
      return (await this.query(sql, parameters)) as readonly StoredRow[];
    };
    try {
      return await ask(AS_TEXT);
    } catch (error) {
      if (!isNotText(error)) throw error;
      return ask('data, metadata');
    }
  }
}

/** The SQLSTATE of bytes that are no text in the encoding, and of text that the database's own encoding cannot hold. */
const NOT_TEXT: readonly unknown[] = ['22021', '22P05'];

const isNotText = (error: unknown): boolean => NOT_TEXT.includes((error as { code?: unknown }).code);

export const recorded = (row: StoredRow): RecordedEvent =>
  asRecorded({
    id: row.id,
    type: row.type,
    stream: row.stream,
    revision: BigInt(row.revision),
    position: BigInt(row.position),
    recordedAt: new Date(Number(row.created)),
    data: row.json ? readable(row.data) : textOf(row.data),
    metadata: readable(row.metadata),
  });

/** What is not JSON as text, so that it can be looked at; nothing as null, as the client has it. */
const readable = (stored: string | Uint8Array): unknown => {
  const text = textOf(stored);
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
};

const textOf = (stored: string | Uint8Array): string =>
  typeof stored === 'string'
    ? stored
    : Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('utf8');
