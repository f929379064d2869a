import type { StreamHead } from './commit-check.js';
import type { Reader } from './reader.js';
import { metastreamState, type StreamState } from './stream-state.js';
import { DELETED, isMetastream, originalOf, type StoredEvent } from './records.js';
import { parseMetadata } from './stream-metadata.js';

/** The writer's memory of streams: right as long as this writer is the only one. The least used are forgotten first. */
export class KnownStreams {
  private readonly states = new Map<string, StreamState>();

  constructor(
    private readonly reader: Reader,
    private readonly limit: number,
  ) {}

  /** Makes sure that the heads of these streams (no metadata streams) are known until the next `load`. */
  async load(originals: ReadonlySet<string>): Promise<void> {
    const unknown: string[] = [];
    for (const stream of originals) {
      const state = this.states.get(stream);
      this.states.delete(stream);
      if (state)
        this.states.set(stream, state); // used last
      else unknown.push(stream);
    }
    if (unknown.length > 0)
      for (const [stream, state] of await this.reader.states(unknown)) this.states.set(stream, state);
    for (const stream of this.states.keys()) {
      if (this.states.size <= Math.max(this.limit, originals.size)) break;
      this.states.delete(stream);
    }
  }

  head(stream: string): StreamHead {
    return isMetastream(stream) ? metastreamState(this.state(originalOf(stream))) : this.state(stream);
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
    const metadata = parseMetadata(event.data);
    const { truncateBefore } = metadata;
    const changed = {
      truncateBefore,
      hasMetadata: true,
      metadata,
      rawMetadata: event.data,
      lastMetadata: event.revision,
    };
    this.states.set(original, { ...state, ...changed });
  }

  clear(): void {
    this.states.clear();
  }

  private state(original: string): StreamState {
    const state = this.states.get(original);
    if (!state) throw new Error(`Stream ${original} was used before it was loaded`);
    return state;
  }
}
