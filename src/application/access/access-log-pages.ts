/**
 * What is recorded of access, newest first: the directory of keys and grants and the days of the access log as one list. It is read
 * from the log itself, in bounded pages, so it is never behind.
 */
import { z } from 'zod';
import { DIRECTORY_STREAM } from '../../domain/access/directory.js';
import { accessLogStream, ACCESS_LOG_TYPES } from '../../domain/access/log.js';
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import { InvalidCursor } from '../queries/read-model.js';
import type { Clock } from '../runtime/clock.js';

export const ACCESS_KINDS: readonly string[] = [
  ...['ApiKeyCreated', 'ApiKeyRotated', 'ApiKeyRevoked', 'RoleGranted', 'RoleWithdrawn'],
  ...['SubjectBlocked', 'SubjectUnblocked', ...ACCESS_LOG_TYPES],
];

export type AccessEntry = Readonly<{
  /** Of the event. */
  id: string;
  kind: string;
  recordedAt: Date;
  position: bigint;
  stream: string;
  revision: bigint;
  actor: unknown;
  reason: string | null;
  /** The event's data without the hash of a key's secret. */
  data: Readonly<Record<string, unknown>>;
}>;

/** `subject`: the id of a person, the name of a service or the id of a key, who did it or whom it concerns. */
export type AccessLogAsked = Readonly<{
  subject: string | null;
  kind: string | null;
  /** By the time of recording; `from` inclusive, `until` exclusive. */
  from: Date | null;
  until: Date | null;
  cursor: string | null;
  limit: number;
}>;

/** A page may have fewer entries than asked for, or none, and more behind it: `nextCursor` is null at the end alone. */
export type AccessLogPage = Readonly<{ entries: readonly AccessEntry[]; nextCursor: string | null }>;

/** Reads of the log for one page: each has up to `PER_READ` events. A day without entries is one read. */
const MOST_READS = 120;
const PER_READ = 100;

const DAY_MS = 86_400_000;

export class AccessLogPages {
  constructor(
    private readonly ports: Readonly<{ log: EventLog; clock: Clock }>,
    private readonly mostReads = MOST_READS,
  ) {}

  /** @throws InvalidCursor, LogUnavailable */
  async page(asked: AccessLogAsked): Promise<AccessLogPage> {
    const { log } = this.ports;
    const reads = { left: this.mostReads };
    const begin = asked.cursor === null ? await this.beginning(asked) : placeIn(asked.cursor);
    const directory = new Backwards(log, reads, DIRECTORY_STREAM, begin.directory);
    const days = new Days(log, reads, await this.firstDay(asked), begin);
    const entries: AccessEntry[] = [];
    while (entries.length < asked.limit) {
      const [one, other] = [await directory.peek(), await days.peek()];
      if (one === 'later' || other === 'later') break;
      const isOfDirectory = one !== null && (other === null || one.position > other.position);
      const event = isOfDirectory ? one : other;
      if (event === null || (asked.from !== null && event.recordedAt < asked.from))
        return { entries, nextCursor: null };
      (isOfDirectory ? directory : days).take();
      if (matches(event, asked)) entries.push(entryOf(event));
    }
    return { entries, nextCursor: cursorOf({ ...days.place, directory: directory.place }) };
  }

  /** Clocks of instances and of the log may differ a little: one day more. */
  private async beginning({ until }: AccessLogAsked): Promise<Place> {
    const last = Math.min((until ?? this.ports.clock.now()).getTime(), this.ports.clock.now().getTime());
    return { directory: 'end', day: dayOf(last + DAY_MS), of: 'end' };
  }

  /** No entry is older than the log. */
  private async firstDay({ from }: AccessLogAsked): Promise<string> {
    const [first] = await this.ports.log.page('start', 1);
    const begun = (first?.recordedAt ?? this.ports.clock.now()).getTime();
    return dayOf(Math.max(begun, from?.getTime() ?? 0) - DAY_MS);
  }
}

/** The next event to look at; 'none': there is none before. */
type From = bigint | 'end' | 'none';

/** Where the next page begins: in the directory, and in a day of the log. */
type Place = Readonly<{ directory: From; day: string; of: From }>;

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 'yyyy-mm-dd'.length);

/** One stream from its end. */
class Backwards {
  private buffer: RecordedEvent[] = [];

  constructor(
    private readonly log: EventLog,
    private readonly reads: { left: number },
    private readonly stream: string,
    private from: From,
  ) {}

  /** Null where there is none before; 'later' where it takes another read and none is left. */
  async peek(): Promise<RecordedEvent | null | 'later'> {
    const { from, stream } = this;
    if (this.buffer.length === 0 && from !== 'none') {
      if (this.reads.left === 0) return 'later';
      this.reads.left -= 1;
      this.buffer = [...(await this.log.readPage(stream, { direction: 'backwards', from, limit: PER_READ }))];
      if (this.buffer.length === 0) this.from = 'none';
    }
    return this.buffer[0] ?? null;
  }

  take(): void {
    const taken = this.buffer.shift();
    if (taken) this.from = taken.revision === 0n ? 'none' : taken.revision - 1n;
  }

  get place(): From {
    return this.from;
  }
}

/** The days' streams, one after the other. */
class Days {
  private current: Backwards;
  private day: string;

  constructor(
    private readonly log: EventLog,
    private readonly reads: { left: number },
    private readonly first: string,
    { day, of }: Pick<Place, 'day' | 'of'>,
  ) {
    this.day = day;
    this.current = new Backwards(log, reads, accessLogStream(day), of);
  }

  async peek(): Promise<RecordedEvent | null | 'later'> {
    for (;;) {
      if (this.day < this.first) return null;
      const found = await this.current.peek();
      if (found !== null) return found;
      this.day = dayOf(Date.parse(this.day) - DAY_MS);
      this.current = new Backwards(this.log, this.reads, accessLogStream(this.day), 'end');
    }
  }

  take(): void {
    this.current.take();
  }

  get place(): Pick<Place, 'day' | 'of'> {
    return { day: this.day, of: this.current.place };
  }
}

const matches = (event: RecordedEvent, { subject, kind, from, until }: AccessLogAsked): boolean => {
  if (kind !== null && event.type !== kind) return false;
  if (from !== null && event.recordedAt < from) return false;
  if (until !== null && event.recordedAt >= until) return false;
  return subject === null || subjectsOf(event).includes(subject);
};

const subjectsOf = ({ data, metadata }: RecordedEvent): readonly unknown[] => {
  const { who, by, subject, id, name, replaces } = (data ?? {}) as Readonly<Record<string, unknown>>;
  const { actor } = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  const ids = [who, by, actor].map((each) => (each as Readonly<{ id?: unknown }> | null | undefined)?.id);
  return [...ids, subject, id, name, replaces];
};

const entryOf = ({ id, type, data, metadata, recordedAt, position, stream, revision }: RecordedEvent): AccessEntry => {
  const { secretHash: _hidden, ...shown } = (data ?? {}) as Readonly<Record<string, unknown>>;
  const { actor = null, reason } = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  const why = typeof reason === 'string' ? reason : null;
  return { id, kind: type, recordedAt, position, stream, revision, actor, reason: why, data: shown };
};

const revision = z.string().regex(/^(\d{1,19}|end|none)$/);
const shape = z.tuple([revision, z.iso.date(), revision]);
const fromOf = (text: string): From => (text === 'end' || text === 'none' ? text : BigInt(text));

const cursorOf = ({ directory, day, of }: Place): string =>
  Buffer.from(JSON.stringify([String(directory), day, String(of)])).toString('base64url');

/** @throws InvalidCursor where it is not one that this application gave out */
const placeIn = (cursor: string): Place => {
  try {
    const [directory, day, of] = shape.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { directory: fromOf(directory), day, of: fromOf(of) };
  } catch {
    throw new InvalidCursor('The cursor: expected the next_cursor of an earlier answer, got something else');
  }
};
