/** What one commit writes: changes are checked one after the other, each against the log as those before it leave it. */
import { randomUUID } from 'node:crypto';
import { type StreamHead, deletedMetadata, firstVisible, undeletedMetadata } from '../storage/stream-metadata.js';
import type { Reader } from '../storage/reader.js';
import {
  DELETED,
  METADATA_TYPE,
  NO_REVISION,
  TOMBSTONE_TYPE,
  isMetastream,
  metastreamOf,
  originalOf,
  type Expected,
  type ProposedEvent,
  type StoredEvent,
} from '../wire/records.js';
import type { KnownStreams } from './known-streams.js';

export type Change =
  | Readonly<{
      kind: 'append';
      stream: string;
      expected: Expected;
      events: readonly ProposedEvent[];
      /** The client, where it has named itself. */
      appender?: string | undefined;
    }>
  | Readonly<{ kind: 'delete'; stream: string; expected: Expected }>
  | Readonly<{ kind: 'tombstone'; stream: string; expected: Expected }>;

export type Outcome =
  /**
   * An append of no events takes a position too, which no event has. Of a repeated append whose last event can no longer be
   * read, there is none. `created`: when the events of the append were recorded, one time for all of them; undefined where none
   * was recorded now.
   */
  | Readonly<{ kind: 'done'; revision: bigint; position: bigint | undefined; created?: number }>
  | Readonly<{ kind: 'wrong'; current: bigint }>
  | Readonly<{ kind: 'deleted' | 'timeout' | 'busy' | 'closing' }>
  /** No caller may do that; nothing was written. */
  | Readonly<{ kind: 'denied'; reason: string }>
  /** The database refused; nothing was written. */
  | Readonly<{ kind: 'failed'; reason: string }>;

type Append = Extract<Change, { kind: 'append' }>;

/** The streams whose state decides over a change; of a metadata stream it is its stream's. */
export const streamsOf = ({ kind, stream }: Change): readonly string[] =>
  kind === 'delete' && isMetastream(stream) ? [originalOf(stream), stream] : [originalOf(stream)];

export class Commit {
  readonly events: StoredEvent[] = [];

  constructor(
    /** The last position that was given. */
    private last: bigint,
    private readonly streams: KnownStreams,
    private readonly recent: RecentEvents,
    private readonly reader: Reader,
  ) {}

  /** The outcome of `change` if this commit succeeds. The streams that decide over it must be loaded. */
  async decide(change: Change): Promise<Outcome> {
    const { stream, expected } = change;
    // A deletion is checked like an append of an event that is nowhere yet.
    const ids = change.kind === 'append' ? change.events.map(({ id }) => id) : [randomUUID()];
    const head = this.streams.head(stream);
    const verdict = await commitCheck(stream, head, expected, ids, this.known);
    switch (verdict.kind) {
      case 'repeated': {
        const isHidden = verdict.revision < firstVisible(head);
        return { kind: 'done', revision: verdict.revision, position: isHidden ? undefined : verdict.position };
      }
      case 'deleted':
      case 'wrong':
        return verdict;
      case 'write':
        return this.write(change, verdict.undelete);
    }
  }

  private write(change: Change, undelete: boolean): Outcome {
    const { stream } = change;
    switch (change.kind) {
      case 'tombstone':
        return placeOf(this.add(stream, marker(TOMBSTONE_TYPE, false, Buffer.alloc(0)), { revision: DELETED }));
      case 'delete':
        if (this.streams.isUnknown(stream)) return { kind: 'wrong', current: NO_REVISION };
        return placeOf(this.add(metastreamOf(stream), marker(METADATA_TYPE, true, deletedMetadata())));
      case 'append':
        return this.append(change, undelete);
    }
  }

  private append({ stream, events, appender }: Append, undelete: boolean): Outcome {
    const original = originalOf(stream);
    // What metadata streams have for metadata deletes nothing.
    const before = isMetastream(original) ? undefined : this.streams.head(original);
    const created = Date.now();
    const known = { created, appender };
    const last = events.map((event) => this.add(stream, event, known)).at(-1);
    if (before && (undelete || (isMetastream(stream) && before.isSoftDeleted))) {
      const metadata = undeletedMetadata(this.streams.rawMetadata(original), before.last + 1n);
      this.add(metastreamOf(original), marker(METADATA_TYPE, true, metadata));
    }
    if (last) return { kind: 'done', revision: last.revision, position: last.position, created };
    return { kind: 'done', revision: this.streams.head(stream).last, position: this.nextPosition() };
  }

  /** The last position that was given, to an event or to an append without any. */
  get lastPosition(): bigint {
    return this.last;
  }

  private nextPosition(): bigint {
    this.last += 1n;
    return this.last;
  }

  private add(stream: string, event: ProposedEvent, known: Partial<StoredEvent> = {}): StoredEvent {
    const { revision = this.streams.head(stream).last + 1n, created = Date.now(), appender } = known;
    const position = this.nextPosition();
    const { id, type, json, data, metadata } = event;
    const stored: StoredEvent = { id, type, json, data, metadata, stream, revision, position, created, appender };
    this.events.push(stored);
    this.streams.apply(stored);
    this.recent.add(stored);
    return stored;
  }

  /** The log as it will be after this commit. */
  private readonly known: KnownEvents = {
    recent: (id) => this.recent.find(id),
    at: async (stream, from, count) => {
      const fresh = this.events.filter((event) => event.stream === stream && event.revision >= from);
      const stored = await this.reader.idsAt(stream, from, count);
      return [...stored, ...fresh].slice(0, count);
    },
  };
}

const placeOf = ({ revision, position }: StoredEvent): Outcome => ({ kind: 'done', revision, position });

const marker = (type: string, json: boolean, data: Uint8Array): ProposedEvent => ({
  ...{ id: randomUUID(), type, json, data, metadata: Buffer.alloc(0) },
});

// EventStoreDB's rules of expected revisions and repeated appends, as a decision without I/O of its own.

export type Place = Readonly<{ stream: string; revision: bigint; position: bigint }>;

/** What is already in the log, and what this commit is about to add. */
interface KnownEvents {
  /** Where an event was written lately: best effort, bounded. */
  recent(id: string): Place | undefined;
  /** The ids of `count` events of `stream` from `from` on: exact. */
  at(stream: string, from: bigint, count: number): Promise<readonly Readonly<{ id: string; position: bigint }>[]>;
}

type Verdict =
  | Readonly<{ kind: 'write'; undelete: boolean }>
  | Readonly<{ kind: 'repeated'; revision: bigint; position: bigint }>
  | Readonly<{ kind: 'wrong'; current: bigint }>
  | Readonly<{ kind: 'deleted' }>;

async function commitCheck(
  stream: string,
  head: StreamHead,
  expected: Expected,
  ids: readonly string[],
  known: KnownEvents,
): Promise<Verdict> {
  const softDeleted = head.isSoftDeleted;
  const wrong: Verdict = { kind: 'wrong', current: head.last };
  const write: Verdict = { kind: 'write', undelete: softDeleted };
  if (head.tombstoned) return { kind: 'deleted' };
  if (expected === 'stream_exists') {
    if (softDeleted) return { kind: 'deleted' };
    if (head.last < 0n && !head.hasMetadata) return wrong;
  }
  if (expected === 'any' || expected === 'stream_exists') {
    const places = ids.map((id) => known.recent(id));
    const unknown = places.findIndex((place) => place?.stream !== stream);
    if (unknown === 0 || places.length === 0) return write;
    const last = places.at(-1);
    return unknown > 0 || !last ? wrong : { kind: 'repeated', revision: last.revision, position: last.position };
  }
  const at = expected === 'no_stream' ? -1n : expected;
  if (at === head.last) return write;
  if (at > head.last || ids.length === 0) return wrong;
  const there = await known.at(stream, at + 1n, ids.length);
  const same = ids.findIndex((id, index) => there[index]?.id !== id);
  const last = there.at(-1);
  if (same < 0 && last) return { kind: 'repeated', revision: at + BigInt(ids.length), position: last.position };
  return same === 0 && at < 0n && softDeleted ? write : wrong;
}

/**
 * Where the newest events were written, by their ids: of an id that was written again, the first place, as EventStoreDB
 * has it. The oldest are forgotten first. In two halves: when the newer half is full, the older is dropped whole, which costs
 * less than dropping single events.
 */
export class RecentEvents {
  private newer = new Map<string, Place>();
  private older: ReadonlyMap<string, Place> = new Map();

  /** @param limit at least half as many are remembered, and never more */
  constructor(private readonly limit: number) {}

  find(id: string): Place | undefined {
    return this.newer.get(id) ?? this.older.get(id);
  }

  add({ id, stream, revision, position }: StoredEvent): void {
    if (this.find(id)) return;
    this.newer.set(id, { stream, revision, position });
    if (this.newer.size < this.limit / 2) return;
    this.older = this.newer;
    this.newer = new Map();
  }

  clear(): void {
    this.newer = new Map();
    this.older = new Map();
  }
}
