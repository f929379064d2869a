import { DELETED } from '../wire/records.js';
import { parseMetadata, type StreamMetadata } from './stream-metadata.js';

/** A stream as the writer sees it. `last` is -1 where there are no events. */
export type StreamHead = Readonly<{
  last: bigint;
  tombstoned: boolean;
  truncateBefore?: bigint;
  hasMetadata: boolean;
}>;

/** The last revisions of a stream and of its metadata stream, with what the metadata say. */
export type StreamState = StreamHead &
  Readonly<{ metadata: StreamMetadata; rawMetadata: Uint8Array; lastMetadata: bigint }>;

export type StateRow = Readonly<{
  stream: string;
  last: string | null;
  last_metadata: string | null;
  metadata: Buffer | null;
}>;

export function stateOf(row: StateRow): StreamState {
  const last = row.last === null ? -1n : BigInt(row.last);
  const metadata = parseMetadata(row.metadata);
  return {
    last,
    tombstoned: last === DELETED,
    truncateBefore: metadata.truncateBefore,
    hasMetadata: row.last_metadata !== null,
    metadata,
    rawMetadata: row.metadata ?? new Uint8Array(),
    lastMetadata: row.last_metadata === null ? -1n : BigInt(row.last_metadata),
  };
}

/** A metadata stream as a stream of its own: its latest event is all that can be read of it. */
export function metastreamState(state: StreamState): StreamState {
  return {
    ...{ last: state.lastMetadata, tombstoned: state.tombstoned, truncateBefore: undefined, hasMetadata: false },
    ...{ metadata: { maxCount: 1n }, rawMetadata: new Uint8Array(), lastMetadata: -1n },
  };
}
