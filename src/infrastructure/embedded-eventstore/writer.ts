/**
 * The one writer. Waiting appends are taken in order, as many as a commit may hold, checked against the streams as they
 * will be, given their positions and inserted by one statement. Whoever waits is answered after that commit, in order.
 */
import { randomUUID } from 'node:crypto';
import { commitCheck, type KnownEvents, type Verdict } from './commit-check.js';
import type { Limits } from './limits.js';
import { RecentEvents } from './recent-events.js';
import {
  DELETED,
  METADATA_TYPE,
  TOMBSTONE_TYPE,
  isMetastream,
  metastreamOf,
  originalOf,
  sizeOf,
  type Expected,
  type ProposedEvent,
  type StoredEvent,
} from './records.js';
import type { Reader } from './reader.js';
import { WriterLost, type WriterConnection } from './writer-connection.js';
import { KnownStreams } from './known-streams.js';
import { deletedMetadata, undeletedMetadata } from './stream-metadata.js';
import type { Tail } from './tail.js';

export type Change =
  | Readonly<{ kind: 'append'; stream: string; expected: Expected; events: readonly ProposedEvent[] }>
  | Readonly<{ kind: 'delete'; stream: string; expected: Expected }>
  | Readonly<{ kind: 'tombstone'; stream: string; expected: Expected }>;

export type Outcome =
  /** `position` is undefined where nothing was written (an append of no events). */
  | Readonly<{ kind: 'done'; revision: bigint; position: bigint | undefined }>
  | Readonly<{ kind: 'wrong'; current: bigint }>
  | Readonly<{ kind: 'deleted' | 'timeout' | 'busy' | 'closing' }>
  /** The database refused; nothing was written. */
  | Readonly<{ kind: 'failed'; reason: string }>;

type Waiting = {
  change: Change;
  bytes: number;
  /** On the clock of `Date.now()`. */
  deadline: number;
  isCancelled: () => boolean;
  answer: ((outcome: Outcome) => void) | undefined;
};

const PATIENCE_STEP_MS = 250;

export class Writer {
  private readonly waiting: Waiting[] = [];
  private waitingBytes = 0;
  private committing: readonly Waiting[] = [];
  private readonly recent: RecentEvents;
  private readonly streams: KnownStreams;
  private closing = false;
  private wake: () => void = () => undefined;
  private readonly patience: NodeJS.Timeout;
  private readonly ended: Promise<void>;

  constructor(
    private readonly connection: WriterConnection,
    private readonly reader: Reader,
    private readonly tail: Tail,
    private readonly limits: Limits,
    onFailure: (error: Error) => void,
  ) {
    this.recent = new RecentEvents(limits.maxKnownEventIds);
    this.streams = new KnownStreams(reader, limits.maxKnownStreams);
    this.patience = setInterval(() => this.dropLate(), PATIENCE_STEP_MS);
    this.ended = this.run().catch((error: unknown) => {
      this.closing = true;
      this.answerAll({ kind: 'closing' });
      onFailure(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** `timeoutMs`: the caller's own patience; the node's limit holds too. */
  submit(change: Change, timeoutMs: number, isCancelled: () => boolean): Promise<Outcome> {
    if (this.closing) return Promise.resolve({ kind: 'closing' });
    const bytes = change.kind === 'append' ? change.events.reduce((sum, event) => sum + sizeOf(event), 0) : 0;
    const { maxWaitingAppends, maxWaitingBytes, appendTimeoutMs } = this.limits;
    if (this.waiting.length >= maxWaitingAppends || this.waitingBytes + bytes > maxWaitingBytes)
      return Promise.resolve({ kind: 'busy' });
    return new Promise((answer) => {
      const deadline = Date.now() + Math.min(timeoutMs, appendTimeoutMs);
      this.waiting.push({ change, bytes, deadline, isCancelled, answer });
      this.waitingBytes += bytes;
      this.wake();
    });
  }

  /** Commits what waits, answers it, and takes nothing new. */
  async close(): Promise<void> {
    this.closing = true;
    this.wake();
    await this.ended;
    clearInterval(this.patience);
  }

  private async run(): Promise<void> {
    while (!this.closing || this.waiting.length > 0) {
      if (this.waiting.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
      const batch = this.take();
      if (batch.length > 0) await this.commit(batch);
    }
  }

  private take(): readonly Waiting[] {
    let [count, events, bytes] = [0, 0, 0];
    for (const { change, bytes: size } of this.waiting) {
      const more = change.kind === 'append' ? change.events.length : 1;
      const fits = events + more <= this.limits.maxCommitEvents && bytes + size <= this.limits.maxCommitBytes;
      if (count > 0 && !fits) break;
      [count, events, bytes] = [count + 1, events + more, bytes + size];
    }
    const taken = this.waiting.splice(0, count);
    this.waitingBytes -= bytes;
    const now = Date.now();
    for (const one of taken) if (one.deadline < now) answer(one, { kind: 'timeout' });
    return taken.filter((one) => one.answer && !one.isCancelled());
  }

  private async commit(batch: readonly Waiting[]): Promise<void> {
    this.committing = batch;
    const written: StoredEvent[] = [];
    const outcomes: Outcome[] = [];
    try {
      await this.streams.load(new Set(batch.map(({ change }) => originalOf(change.stream))));
      const known = this.knownWith(written);
      for (const { change } of batch) outcomes.push(await this.decide(change, written, known));
      if (written.length > 0) await this.connection.insert(written);
    } catch (error) {
      // What was decided stands on appends that did not happen: forget it.
      this.streams.clear();
      this.recent.clear();
      if (error instanceof WriterLost) throw error;
      const failed: Outcome = { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
      return this.finish(batch, () => failed);
    }
    if (written.length > 0) this.tail.push(written);
    this.finish(batch, (index) => outcomes[index] ?? { kind: 'timeout' });
  }

  private finish(batch: readonly Waiting[], outcome: (index: number) => Outcome): void {
    batch.forEach((one, index) => answer(one, outcome(index)));
    this.committing = [];
  }

  private async decide(change: Change, written: StoredEvent[], known: KnownEvents): Promise<Outcome> {
    const { stream, expected } = change;
    const ids = change.kind === 'append' ? change.events.map(({ id }) => id) : [];
    const head = this.streams.head(stream);
    const verdict: Verdict = await commitCheck(stream, head, expected, ids, known);
    if (verdict.kind === 'repeated') return { kind: 'done', revision: verdict.revision, position: verdict.position };
    if (verdict.kind === 'deleted') return { kind: 'deleted' };
    if (verdict.kind === 'wrong') return verdict;
    const add = (to: string, event: ProposedEvent, revision?: bigint) => {
      const position = (written.at(-1)?.position ?? this.tail.last) + 1n;
      const stored: StoredEvent = {
        ...event,
        stream: to,
        revision: revision ?? this.streams.head(to).last + 1n,
        position,
        created: Date.now(),
      };
      written.push(stored);
      this.streams.apply(stored);
      this.recent.add(stored);
      return stored;
    };
    if (change.kind === 'tombstone')
      return placeOf(add(stream, marker(TOMBSTONE_TYPE, false, Buffer.alloc(0)), DELETED));
    if (change.kind === 'delete')
      return placeOf(add(metastreamOf(stream), marker(METADATA_TYPE, true, deletedMetadata())));
    const original = originalOf(stream);
    const revived =
      verdict.undelete || (isMetastream(stream) && this.streams.head(original).truncateBefore === DELETED);
    const visibleFrom = this.streams.head(original).last + 1n;
    const last = change.events.map((event) => add(stream, event)).at(-1);
    if (!last) return { kind: 'done', revision: head.last, position: undefined };
    if (revived) {
      const metadata = undeletedMetadata(this.streams.rawMetadata(original), visibleFrom);
      add(metastreamOf(original), marker(METADATA_TYPE, true, metadata));
    }
    return placeOf(last);
  }

  /** The log as it will be after this commit. */
  private knownWith(written: readonly StoredEvent[]): KnownEvents {
    return {
      recent: (id) => this.recent.find(id),
      at: async (stream, from, count) => {
        const fresh = written.filter((event) => event.stream === stream && event.revision >= from);
        const stored = await this.reader.idsAt(stream, from, count);
        return [...stored, ...fresh].slice(0, count);
      },
    };
  }

  /** Answers those whose time is over, whether they wait or are being committed (then their outcome is not known). */
  private dropLate(): void {
    const now = Date.now();
    for (const one of [...this.committing, ...this.waiting]) if (one.deadline < now) answer(one, { kind: 'timeout' });
  }

  private answerAll(outcome: Outcome): void {
    clearInterval(this.patience);
    for (const one of [...this.committing, ...this.waiting.splice(0)]) answer(one, outcome);
  }
}

function answer(one: Waiting, outcome: Outcome): void {
  one.answer?.(outcome);
  one.answer = undefined;
}

const placeOf = ({ revision, position }: StoredEvent): Outcome => ({ kind: 'done', revision, position });

const marker = (type: string, json: boolean, data: Uint8Array): ProposedEvent => ({
  ...{ id: randomUUID(), type, json, data, metadata: Buffer.alloc(0) },
});
