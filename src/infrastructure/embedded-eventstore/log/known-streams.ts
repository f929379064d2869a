import type { Reader } from '../storage/reader.js';
import { metadataState, metastreamState, type StreamState } from '../storage/stream-metadata.js';
import { DELETED, isMetastream, originalOf, type StoredEvent } from '../wire/records.js';

/** The writer's memory of streams: right as long as this writer is the only one. The least used are forgotten first. */
export class KnownStreams {
  private readonly states = new Map<string, StreamState>();
  /** Heads to be read next, and those that are being read. A stream that is known is in neither. */
  private wanted = new Set<string>();
  private asked: ReadonlySet<string> = new Set();
  private reading: Promise<void> | undefined;

  constructor(
    private readonly reader: Reader,
    private readonly limit: number,
  ) {}

  /**
   * Begins to load the head of a stream that will be needed, so that it is there when the commit before is done. That
   * commit's own streams are known, so nothing that is read meanwhile can be older than what it writes.
   */
  expect(original: string): void {
    if (this.states.has(original) || this.asked.has(original)) return;
    this.wanted.add(original);
    this.reading ??= this.readWanted();
    this.reading.catch(() => undefined); // the next caller reads it again
  }

  /** Makes sure that the heads of these streams are known until the next `load`. */
  async load(originals: ReadonlySet<string>): Promise<void> {
    for (;;) {
      const missing = [...originals].filter((stream) => !this.states.has(stream));
      if (missing.length === 0) break;
      for (const stream of missing) this.expect(stream);
      await this.reading;
    }
    for (const stream of originals) this.use(stream);
    for (const stream of this.states.keys()) {
      if (this.states.size <= Math.max(this.limit, originals.size)) break;
      this.states.delete(stream);
    }
  }

  head(stream: string): StreamState {
    return isMetastream(stream) ? metastreamState(this.state(originalOf(stream))) : this.state(stream);
  }

  /** Neither events nor metadata: there is nothing to delete, but its name can be tombstoned. */
  isUnknown(stream: string): boolean {
    return this.head(stream).last < 0n && !this.state(stream).hasMetadata;
  }

  rawMetadata(original: string): Uint8Array {
    return this.state(original).rawMetadata;
  }

  /** Takes in an event that is about to be written. */
  apply(event: StoredEvent): void {
    const original = originalOf(event.stream);
    const state = this.state(original);
    if (!isMetastream(event.stream)) {
      this.states.set(original, { ...state, last: event.revision, tombstoned: event.revision === DELETED });
      return;
    }
    const changed = metadataState(event.data, event.json);
    this.states.set(original, { ...state, ...changed, hasMetadata: true, lastMetadata: event.revision });
  }

  clear(): void {
    this.states.clear();
  }

  /** One question to the database, for all that are wanted by now. */
  private async readWanted(): Promise<void> {
    this.asked = this.wanted;
    this.wanted = new Set();
    try {
      for (const [stream, state] of await this.reader.states([...this.asked])) this.states.set(stream, state);
    } finally {
      this.asked = new Set();
      this.reading = this.wanted.size > 0 ? this.readWanted() : undefined;
      this.reading?.catch(() => undefined);
    }
  }

  /** The least used come first in the map. */
  private use(stream: string): void {
    const state = this.state(stream);
    this.states.delete(stream);
    this.states.set(stream, state);
  }

  private state(original: string): StreamState {
    const state = this.states.get(original);
    if (!state) throw new Error(`Stream ${original} was used before it was loaded`);
    return state;
  }
}
