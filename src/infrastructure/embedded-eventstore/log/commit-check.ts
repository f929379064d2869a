/** EventStoreDB's rules of expected revisions and repeated appends, as a decision without I/O of its own. */
import type { StreamHead } from '../storage/stream-state.js';
import { DELETED, type Expected } from '../wire/records.js';

export type Place = Readonly<{ stream: string; revision: bigint; position: bigint }>;

/** What is already in the log, and what this commit is about to add. */
export interface KnownEvents {
  /** Where an event was written lately: best effort, bounded. */
  recent(id: string): Place | undefined;
  /** The ids of `count` events of `stream` from `from` on: exact. */
  at(stream: string, from: bigint, count: number): Promise<readonly Readonly<{ id: string; position: bigint }>[]>;
}

export type Verdict =
  | Readonly<{ kind: 'write'; undelete: boolean }>
  | Readonly<{ kind: 'repeated'; revision: bigint; position: bigint }>
  | Readonly<{ kind: 'wrong'; current: bigint }>
  | Readonly<{ kind: 'deleted' }>;

export async function commitCheck(
  stream: string,
  head: StreamHead,
  expected: Expected,
  ids: readonly string[],
  known: KnownEvents,
): Promise<Verdict> {
  const softDeleted = head.truncateBefore === DELETED;
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
