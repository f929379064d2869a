import { availableParallelism } from 'node:os';
import type { HashedEvent, HashedLog } from '../../../application/audit/hashed-event.js';
import type { ChainLink } from '../../../application/log/event-hash.js';
import type { RecordedEvent } from '../../../application/log/event-log.js';
import { KeptThreads, ThreadRefusal, type KeptThreadLimits } from '../../system/threads.js';
import { hashRows, LEAF_BYTES, type RowHashes } from './hash-rows.js';
import type { StoredLog, StoredRow } from './stored-log.js';

type HashingLimits = KeptThreadLimits &
  Readonly<{
    /** Events of a page, and about how many bytes it has: where one is larger, the next ones have fewer events. */
    pageEvents: number;
    pageBytes: number;
    /** Pages that are read before the first of them is taken. */
    ahead: number;
  }>;

/** One processor is left for the thread that reads. */
export const HASHING_LIMITS: HashingLimits = {
  ...{ threads: Math.min(4, Math.max(1, availableParallelism() - 1)), waiting: 8, waitingBytes: 0 },
  ...{ timeoutMs: 60_000, heapMb: 512, idleMs: 5_000 },
  ...{ pageEvents: 500, pageBytes: 4 * 1024 * 1024, ahead: 4 },
};

/** The node's events as the database stores them at this moment, hashed in threads of their own while more are read. */
export class HashedStoredLog implements HashedLog {
  private readonly threads: KeptThreads<readonly StoredRow[], RowHashes>;

  constructor(
    private readonly log: StoredLog,
    private readonly limits = HASHING_LIMITS,
  ) {
    this.threads = new KeptThreads(new URL('./hash-thread.js', import.meta.url), limits, hashRows);
  }

  async *pages(prefixes: readonly string[]): AsyncGenerator<readonly HashedEvent[], void, undefined> {
    const hashing: Promise<readonly HashedEvent[]>[] = [];
    let limit = this.limits.pageEvents;
    const read = (after: bigint) => handled(this.log.rowsAfter(after, prefixes, limit));
    let reading = read(-1n);
    for (let isOver = false; !isOver;) {
      const rows = await reading;
      isOver = rows.length < limit;
      limit = this.nextLimit(rows);
      if (!isOver) reading = read(BigInt(rows.at(-1)!.position));
      hashing.push(handled(this.hashed(rows)));
      if (hashing.length >= this.limits.ahead) yield await hashing.shift()!;
    }
    for (const page of hashing) yield await page;
  }

  close(): Promise<void> {
    return this.threads.close();
  }

  private async hashed(rows: readonly StoredRow[]): Promise<readonly HashedEvent[]> {
    const hashes = await this.threads.run(rows, new Uint8Array(0)).catch((error: unknown) => {
      // Whatever a thread cannot do is done here, and fails here where it has to.
      if (error instanceof ThreadRefusal) return hashRows(rows);
      throw error;
    });
    return rows.map((row, index) => eventOf(row, hashes, index));
  }

  async whole({ position }: HashedEvent): Promise<RecordedEvent> {
    const event = await this.log.at(position);
    if (event === 'none') throw new Error(`The event at position ${position} was removed while it was verified`);
    return event;
  }

  private nextLimit(rows: readonly StoredRow[]): number {
    const { pageEvents, pageBytes } = this.limits;
    const bytes = rows.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
    return Math.min(pageEvents, Math.max(1, Math.floor((rows.length * pageBytes) / Math.max(1, bytes))));
  }
}

const NONE: HashedEvent['files'] = [];

/** A literal that names its members: each event passes here. */
const eventOf = (row: StoredRow, hashes: RowHashes, index: number): HashedEvent => {
  const moved = hashes.moved.get(index);
  return {
    position: BigInt(row.position),
    movedFrom: moved?.movedFrom,
    recordedAt: moved?.recordedAt ?? new Date(Number(row.created)),
    stream: row.stream,
    revision: BigInt(row.revision),
    id: row.id,
    type: row.type,
    hash: hashes.hashes[index]!,
    leafHash: Buffer.from(hashes.leafHashes.buffer, hashes.leafHashes.byteOffset + index * LEAF_BYTES, LEAF_BYTES),
    link: { hash: hashes.own[index], previousHash: hashes.previous[index] } as Partial<ChainLink>,
    files: hashes.files.get(index) ?? NONE,
  };
};

/** What fails is thrown where it is awaited, which may be later. */
const handled = <Result>(promise: Promise<Result>): Promise<Result> => {
  promise.catch(() => undefined);
  return promise;
};
