/**
 * The one writer. Waiting appends are taken in order, as many as a commit may hold, checked against the streams as they
 * will be, given their positions and inserted by one statement. Callers are answered after that commit, in order.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { reasonOf } from '../../../application/runtime/errors.js';
import type { Limits } from '../limits.js';
import type { Reader } from '../storage/reader.js';
import { originalOf, PROBE_STREAM, sizeOf, type StoredEvent, isMetastream } from '../wire/records.js';
import { WriterLost, type WriterConnection } from '../storage/writer-connection.js';
import { parseMetadata } from '../storage/stream-metadata.js';
import { Commit, RecentEvents, streamsOf, type Change, type Outcome } from './commit.js';
import { KnownStreams } from './known-streams.js';
import type { Tail } from './tail.js';

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
  /** The last position that was given: to the last event, or to an append without events after it. */
  private given: bigint;
  private closing = false;
  private wake: () => void = () => undefined;
  private readonly patience: NodeJS.Timeout;
  private readonly ended: Promise<void>;

  constructor(
    private readonly connection: WriterConnection,
    private readonly reader: Reader,
    private readonly tail: Tail,
    private readonly limits: Limits,
    private readonly protectedPrefixes: readonly string[],
    onFailure: (error: Error) => void,
  ) {
    this.given = tail.last;
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
    const reason = refusedChange(change, this.protectedPrefixes);
    if (reason !== undefined) return Promise.resolve({ kind: 'denied', reason });
    const bytes = change.kind === 'append' ? change.events.reduce((sum, event) => sum + sizeOf(event), 0) : 0;
    const { maxWaitingAppends, maxWaitingBytes, appendTimeoutMs } = this.limits;
    if (this.waiting.length >= maxWaitingAppends || this.waitingBytes + bytes > maxWaitingBytes)
      return Promise.resolve({ kind: 'busy' });
    return new Promise((answer) => {
      const deadline = Date.now() + Math.min(timeoutMs, appendTimeoutMs);
      this.waiting.push({ change, bytes, deadline, isCancelled, answer });
      this.waitingBytes += bytes;
      this.streams.expect(originalOf(change.stream));
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
    for (const waiting of taken) if (waiting.deadline < now) answer(waiting, { kind: 'timeout' });
    return taken.filter((waiting) => waiting.answer && !waiting.isCancelled());
  }

  private async commit(taken: readonly Waiting[]): Promise<void> {
    this.committing = taken;
    const [probes, batch] = [taken.filter(isProbe), taken.filter((waiting) => !isProbe(waiting))];
    if (batch.length > 0) await this.commitChanges(batch, probes);
    if (probes.length > 0) await this.probe(probes);
  }

  private async probe(probes: readonly Waiting[]): Promise<void> {
    try {
      await this.connection.probe(probeAt(this.given + 1n));
      this.finish(probes, () => ({ kind: 'done', revision: 0n, position: this.tail.last }));
    } catch (error) {
      if (error instanceof WriterLost) throw error;
      this.finish(probes, () => failureOf(error));
    }
  }

  private async commitChanges(batch: readonly Waiting[], left: readonly Waiting[]): Promise<void> {
    const outcomes: Outcome[] = [];
    const commit = new Commit(this.given, this.streams, this.recent, this.reader);
    try {
      await this.streams.load(new Set(batch.flatMap(({ change }) => streamsOf(change))));
      for (const { change } of batch) outcomes.push(await commit.decide(change));
      if (commit.events.length > 0) await this.connection.insert(commit.events);
    } catch (error) {
      // What was decided stands on appends that did not happen: forget it.
      this.streams.clear();
      this.recent.clear();
      if (error instanceof WriterLost) throw error;
      return this.finish(batch, () => failureOf(error), left);
    }
    this.given = commit.lastPosition;
    // Executions go on with their answers; followers of the log have time.
    this.finish(batch, (index) => outcomes[index] ?? { kind: 'timeout' }, left);
    if (commit.events.length > 0) this.tail.push(commit.events);
  }

  private finish(batch: readonly Waiting[], outcome: (index: number) => Outcome, left: readonly Waiting[] = []): void {
    batch.forEach((one, index) => answer(one, outcome(index)));
    this.committing = left;
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

const isProbe = ({ change }: Waiting): boolean => change.kind === 'append' && change.stream === PROBE_STREAM;

/** As large as an ordinary event, and not to be compressed: it needs the room that one would need. */
const PROBE_BYTES = 1_900;
const probeAt = (position: bigint): StoredEvent => ({
  ...{ id: randomUUID(), type: 'HealthProbe', json: false, data: randomBytes(PROBE_BYTES), metadata: Buffer.alloc(0) },
  ...{ stream: PROBE_STREAM, revision: 0n, position, created: Date.now() },
});

const failureOf = (error: unknown): Outcome => ({
  kind: 'failed',
  reason: reasonOf(error),
});

function answer(one: Waiting, outcome: Outcome): void {
  one.answer?.(outcome);
  one.answer = undefined;
}

// What no caller may do to certain streams: take away what is in them.

/** Why the change is refused; undefined where it is not. */
function refusedChange(change: Change, protectedPrefixes: readonly string[]): string | undefined {
  const original = originalOf(change.stream);
  if (!protectedPrefixes.some((prefix) => original.startsWith(prefix))) return undefined;
  if (change.kind !== 'append')
    return `Stream '${original}' is the application's own and keeps all of its events: it can be neither deleted nor tombstoned`;
  if (!isMetastream(change.stream) || !change.events.some(({ data }) => truncates(data))) return undefined;
  return `Stream '${original}' is the application's own and keeps all of its events: its metadata may have no $maxCount, $maxAge or $tb`;
}

const truncates = (data: Uint8Array): boolean => {
  const { truncateBefore, maxCount, maxAgeSeconds } = parseMetadata(data);
  return truncateBefore !== undefined || maxCount !== undefined || maxAgeSeconds !== undefined;
};
