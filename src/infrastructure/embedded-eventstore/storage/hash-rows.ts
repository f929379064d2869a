/** The request and the result of a thread that hashes stored events: all of it can pass from thread to thread. */
import { hashesOf, type EventHashes } from '../../../application/audit/hashed-event.js';
import type { RecordedEvent } from '../../../application/log/event-log.js';
import { recorded, type StoredRow } from './stored-log.js';

/** Column by column, in the order of the rows: passing an object for each of them takes longer than to hash it. */
export type RowHashes = Readonly<{
  hashes: readonly string[];
  /** One after the other. */
  leafHashes: Uint8Array;
  own: readonly unknown[];
  previous: readonly unknown[];
  /** By the place of the row; few have any. */
  files: ReadonlyMap<number, EventHashes['files']>;
  moved: ReadonlyMap<number, Pick<RecordedEvent, 'recordedAt' | 'movedFrom'>>;
}>;

export const LEAF_BYTES = 32;

/** Pure. */
export const hashRows = (rows: readonly StoredRow[]): RowHashes => {
  const [hashes, own, previous]: [string[], unknown[], unknown[]] = [[], [], []];
  const leafHashes = new Uint8Array(rows.length * LEAF_BYTES);
  const files = new Map<number, EventHashes['files']>();
  const moved = new Map<number, Pick<RecordedEvent, 'recordedAt' | 'movedFrom'>>();
  rows.forEach((row, index) => {
    const event = recorded(row);
    const made = hashesOf(event);
    hashes.push(made.hash);
    own.push(made.link.hash);
    previous.push(made.link.previousHash);
    leafHashes.set(made.leafHash, index * LEAF_BYTES);
    if (made.files.length > 0) files.set(index, made.files);
    const { recordedAt, movedFrom } = event;
    if (movedFrom !== undefined) moved.set(index, { recordedAt, movedFrom });
  });
  return { hashes, leafHashes, own, previous, files, moved };
};
