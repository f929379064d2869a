/** What one commit writes: changes are checked one after the other, each against the log as those before it leave it. */
import { randomUUID } from 'node:crypto';
import type { StreamHead } from '../storage/stream-state.js';
import { commitCheck, type KnownEvents } from './commit-check.js';
import type { KnownStreams } from './known-streams.js';
import type { Reader } from '../storage/reader.js';
import type { RecentEvents } from './recent-events.js';
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
import { deletedMetadata, undeletedMetadata } from '../storage/stream-metadata.js';

export type Change =
  | Readonly<{ kind: 'append'; stream: string; expected: Expected; events: readonly ProposedEvent[] }>
  | Readonly<{ kind: 'delete'; stream: string; expected: Expected }>
  | Readonly<{ kind: 'tombstone'; stream: string; expected: Expected }>;

export type Outcome =
  /** Where nothing is written (an append of no events), `position` is that of the last event of the log. */
  | Readonly<{ kind: 'done'; revision: bigint; position: bigint }>
  | Readonly<{ kind: 'wrong'; current: bigint }>
  | Readonly<{ kind: 'deleted' | 'timeout' | 'busy' | 'closing' }>
  /** Nobody may do that; nothing was written. */
  | Readonly<{ kind: 'denied'; reason: string }>
  /** The database refused; nothing was written. */
  | Readonly<{ kind: 'failed'; reason: string }>;

export class Commit {
  readonly events: StoredEvent[] = [];

  constructor(
    /** Position of the last event that is committed. */
    private readonly after: bigint,
    private readonly streams: KnownStreams,
    private readonly recent: RecentEvents,
    private readonly reader: Reader,
  ) {}

  /** The outcome of `change` if this commit succeeds. Its stream must be loaded. */
  async decide(change: Change): Promise<Outcome> {
    const { stream, expected } = change;
    // A deletion is checked like an append of an event that is nowhere yet.
    const ids = change.kind === 'append' ? change.events.map(({ id }) => id) : [randomUUID()];
    const verdict = await commitCheck(stream, this.streams.head(stream), expected, ids, this.known);
    switch (verdict.kind) {
      case 'repeated':
        return { kind: 'done', revision: verdict.revision, position: verdict.position };
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
        return placeOf(this.add(stream, marker(TOMBSTONE_TYPE, false, Buffer.alloc(0)), DELETED));
      case 'delete':
        if (isUnknown(this.streams.head(stream))) return { kind: 'wrong', current: NO_REVISION };
        return placeOf(this.add(metastreamOf(stream), marker(METADATA_TYPE, true, deletedMetadata())));
      case 'append':
        return this.append(stream, change.events, undelete);
    }
  }

  private append(stream: string, events: readonly ProposedEvent[], undelete: boolean): Outcome {
    const original = originalOf(stream);
    const before = this.streams.head(original);
    const last = events.map((event) => this.add(stream, event)).at(-1);
    if (undelete || (isMetastream(stream) && before.truncateBefore === DELETED)) {
      const metadata = undeletedMetadata(this.streams.rawMetadata(original), before.last + 1n);
      this.add(metastreamOf(original), marker(METADATA_TYPE, true, metadata));
    }
    if (last) return placeOf(last);
    return { kind: 'done', revision: this.streams.head(stream).last, position: this.last };
  }

  /** Position of the last event, committed or about to be. */
  private get last(): bigint {
    return this.events.at(-1)?.position ?? this.after;
  }

  private add(stream: string, event: ProposedEvent, revision = this.streams.head(stream).last + 1n): StoredEvent {
    const position = this.last + 1n;
    const { id, type, json, data, metadata } = event;
    const created = Date.now();
    const stored: StoredEvent = { id, type, json, data, metadata, stream, revision, position, created };
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

/** Neither events nor metadata: there is nothing to delete, but its name can be tombstoned. */
const isUnknown = ({ last, hasMetadata }: StreamHead) => last < 0n && !hasMetadata;

const placeOf = ({ revision, position }: StoredEvent): Outcome => ({ kind: 'done', revision, position });

const marker = (type: string, json: boolean, data: Uint8Array): ProposedEvent => ({
  ...{ id: randomUUID(), type, json, data, metadata: Buffer.alloc(0) },
});
