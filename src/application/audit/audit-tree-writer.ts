import { AppendRefused, RevisionConflict, type RecordedEvent } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import { sleep } from '../runtime/clock.js';
import { reasonOf, type OnError } from '../runtime/errors.js';
import { failpoint } from '../runtime/failpoint.js';
import { Leadership, type LeaderSession, type LeadNotices } from '../runtime/leadership.js';
import type { AuditLease } from './audit-tree.js';
import { AUDITED_PREFIXES, hashOfLeaf, leafOf, presentLog, presentPosition } from './audited-log.js';
import { KeyNotAllowed } from './keys.js';
import { LogNotMoved, mustStandWhereTreeKnowsIt } from './move-log.js';
import { Frontier } from './merkle.js';
import { TreeHeadChain, type TreeHeadDependencies } from './tree-head-chain.js';

type AuditWriterLimits = Readonly<{
  /** A tree head is signed after so many events, or when the oldest that none covers has waited for so long. */
  checkpointEvents: number;
  checkpointMs: number;
  /** Events of one batch, and the pause between two looks for new ones. */
  batch: number;
  everyMs: number;
  /** Between two attempts to lead, spread by half of it. */
  leadPauseMs: number;
  /** The same, where an operator has to act before this instance may sign: the key, the log's move, or what the log refuses for good. */
  keyPauseMs: number;
  /** How long an instance that stops waits for its last tree head. */
  stopMs: number;
}>;

export const DEFAULT_AUDIT_WRITER_LIMITS: AuditWriterLimits = {
  checkpointEvents: 10_000,
  checkpointMs: 10_000,
  batch: 500,
  everyMs: 100,
  leadPauseMs: 1_000,
  keyPauseMs: 15_000,
  stopMs: 3_000,
};

export type AuditWriterDependencies = TreeHeadDependencies & Readonly<{ ids: Ids }>;

/** Keeps the tree behind the log and signs its root. One instance leads; it never stands in an append's way. */
export class AuditTreeWriter {
  private readonly leadership: Leadership<AuditLease, AuditLeaderSession>;
  private refusal: string | null = null;

  constructor(
    dependencies: AuditWriterDependencies,
    limits: AuditWriterLimits,
    private readonly onError: OnError,
    notices?: LeadNotices,
  ) {
    const { tree, clock, ids } = dependencies;
    this.leadership = new Leadership({
      ...{ clock, ids, notices },
      tryLead: () => tree.tryLead(),
      begin: (lease) => this.begin(dependencies, lease, limits),
      pauseMs: (failure) => (isForAnOperator(failure?.error) ? limits.keyPauseMs : limits.leadPauseMs),
      onFailure: ({ error }) => this.logFailure(error),
    });
  }

  start(): void {
    this.leadership.start();
  }

  /** Resolves when this instance writes nothing any longer. */
  stop(): Promise<void> {
    return this.leadership.stop();
  }

  /** Signs what no tree head covers yet, where this instance leads; another leader signs it when it is due. */
  signNow(): void {
    this.leadership.session?.signNow();
  }

  private async begin(
    dependencies: AuditWriterDependencies,
    lease: AuditLease,
    limits: AuditWriterLimits,
  ): Promise<AuditLeaderSession> {
    const session = await AuditLeaderSession.begin(dependencies, lease, limits, this.onError);
    this.refusal = null;
    return session;
  }

  /** Logged once for as long as it stays the same: what the log or the key lacks does not change by itself. */
  private logFailure(error: unknown): void {
    const reason = reasonOf(error);
    if (this.refusal === reason) return;
    this.refusal = reason;
    this.onError(
      isForAnOperator(error) ? 'This instance signs nothing' : 'The audit tree stopped and starts again',
      error,
    );
  }
}

const isForAnOperator = (error: unknown): boolean =>
  [KeyNotAllowed, LogNotMoved, AppendRefused].some((known) => error instanceof known);

/** Adds events to the tree and signs its root as long as the lease lasts. Any failure ends it: the next session begins with what is stored. */
class AuditLeaderSession implements LeaderSession {
  private waiting: RecordedEvent[] = [];
  private resumeFollowing: () => void = () => undefined;
  private signRequested = false;

  private constructor(
    private readonly dependencies: AuditWriterDependencies,
    private readonly lease: AuditLease,
    private readonly limits: AuditWriterLimits,
    private readonly onError: OnError,
    private readonly frontier: Frontier,
    private heads: TreeHeadChain,
    private position: bigint | null,
    private dueAt: number,
  ) {}

  static async begin(
    dependencies: AuditWriterDependencies,
    lease: AuditLease,
    limits: AuditWriterLimits,
    onError: OnError,
  ): Promise<AuditLeaderSession> {
    const { size, position, peaks } = await lease.state();
    await mustStandWhereTreeKnowsIt(dependencies, size);
    const heads = await TreeHeadChain.read(dependencies, lease);
    if (heads.tombstoned)
      onError('Checkpoints are kept in the database and in the file only, not in the log', heads.tombstoned);
    const dueAt = dependencies.clock.now().getTime() + limits.checkpointMs;
    return new AuditLeaderSession(
      dependencies,
      lease,
      limits,
      onError,
      new Frontier(size, peaks),
      heads,
      position,
      dueAt,
    );
  }

  /** What no tree head covers yet is signed at the next look. */
  signNow(): void {
    this.signRequested = true;
  }

  async serve(stopping: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const signal = AbortSignal.any([stopping, this.lease.lost, ending.signal]);
    const following = this.follow(signal);
    try {
      while (!signal.aborted) {
        await this.addWaiting();
        if (this.isDue()) await this.sign();
        await sleep(this.dependencies.clock, this.limits.everyMs, signal);
      }
    } finally {
      ending.abort();
      this.resumeFollowing();
      await following;
    }
    if (stopping.aborted && !this.lease.lost.aborted) await this.end();
  }

  /** Signs the last events as well, so that an application that stops leaves no unsigned tail of the log. */
  private async end(): Promise<void> {
    const [patience, over] = [new AbortController(), new AbortController()];
    const late = sleep(this.dependencies.clock, this.limits.stopMs, over.signal).then(() => patience.abort());
    try {
      this.waiting = [];
      const rest = presentLog(this.dependencies.log, AUDITED_PREFIXES, this.position ?? 'start', patience.signal);
      for await (const event of rest) {
        this.waiting.push(event);
        if (this.waiting.length >= this.limits.batch) await this.addWaiting();
      }
      if (patience.signal.aborted) throw new Error(`The log did not answer within ${this.limits.stopMs} ms`);
      await this.addWaiting();
      if (this.frontier.size > this.heads.size) await this.sign();
    } catch (error) {
      this.onError('The last events were not signed at the end; the next start does it', error);
    } finally {
      over.abort();
      await late;
    }
  }

  /** Reads no more than one batch ahead of what is stored. */
  private async follow(signal: AbortSignal): Promise<void> {
    const { log, clock, ids } = this.dependencies;
    const onError = (error: unknown) =>
      this.onError('Following the log for the audit tree failed, is tried again', error);
    const after = this.position ?? 'start';
    for await (const seen of followLog({ log, clock, ids, prefix: AUDITED_PREFIXES, after, signal, onError })) {
      if (seen.kind !== 'event') continue;
      this.waiting.push(seen.event);
      if (this.waiting.length >= this.limits.batch)
        await new Promise<void>((resolve) => (this.resumeFollowing = resolve));
    }
  }

  private async addWaiting(): Promise<void> {
    for (let least = 1; this.waiting.length >= least; least = this.limits.batch / 10) {
      const batch = this.waiting;
      this.waiting = [];
      this.resumeFollowing();
      if (this.frontier.size === this.heads.size) this.due();
      const leaves = batch.map((event, offset) => leafOf(event, this.frontier.size + offset));
      const nodes = leaves.flatMap((leaf) => this.frontier.append(hashOfLeaf(leaf)));
      await this.lease.add(leaves, nodes);
      this.position = presentPosition(leaves.at(-1)!);
      if (this.frontier.size - this.heads.size >= this.limits.checkpointEvents) return;
    }
  }

  private due(): void {
    this.dueAt = this.dependencies.clock.now().getTime() + this.limits.checkpointMs;
  }

  private isDue(): boolean {
    const uncovered = this.frontier.size - this.heads.size;
    if (uncovered === 0 && this.heads.isOfAnotherKey) return true;
    if (uncovered <= 0) return (this.signRequested = false);
    const isLate = this.dependencies.clock.now().getTime() >= this.dueAt;
    return this.signRequested || isLate || uncovered >= this.limits.checkpointEvents;
  }

  private async sign(): Promise<void> {
    failpoint('before-checkpoint');
    try {
      await this.heads.sign(this.frontier.size, this.frontier.root(), this.position!);
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error;
      // An earlier leader came late with a tree head of its own, as right as this one: this leader goes on from there.
      this.heads = await TreeHeadChain.read(this.dependencies, this.lease);
    }
    // A caller that asked meanwhile asks again where this tree head does not cover enough.
    this.signRequested = false;
    this.due();
  }
}
