import type { OnError } from '../runtime/errors.js';
import { RevisionConflict, type RecordedEvent } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import { sleep } from '../runtime/clock.js';
import { failpoint } from '../runtime/failpoint.js';
import type { AuditLease } from './audit-tree.js';
import { AUDITED_PREFIXES, hashOfLeaf, leafOf, presentLog } from './audited-log.js';
import { TreeHeadChain } from './tree-head-chain.js';
import type { AuditWriterLimits, AuditWriterDependencies } from './writer-ports.js';
import { Frontier } from './merkle.js';

/** One instance's time as the leader. Whatever fails ends it: the next begins with what is stored. */
export class AuditLeaderSession {
  private waiting: RecordedEvent[] = [];
  private resumeFollowing: () => void = () => undefined;
  private signRequested = false;

  private constructor(
    private readonly ports: AuditWriterDependencies,
    private readonly session: AuditLease,
    private readonly limits: AuditWriterLimits,
    private readonly onError: OnError,
    private readonly frontier: Frontier,
    private checkpoints: TreeHeadChain,
    private position: bigint | null,
    private dueAt: number,
  ) {}

  static async begin(ports: AuditWriterDependencies, session: AuditLease, limits: AuditWriterLimits, onError: OnError) {
    const { size, position, peaks } = await session.state();
    const checkpoints = await TreeHeadChain.read(ports, session);
    if (checkpoints.tombstoned)
      onError('Checkpoints are kept in the database and in the file only, not in the log', checkpoints.tombstoned);
    const dueAt = ports.clock.now().getTime() + limits.checkpointMs;
    return new AuditLeaderSession(ports, session, limits, onError, new Frontier(size, peaks), checkpoints, position, dueAt);
  }

  signNow(): void {
    this.signRequested = true;
  }

  async serve(stopping: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const signal = AbortSignal.any([stopping, this.session.lost, ending.signal]);
    const following = this.follow(signal);
    try {
      while (!signal.aborted) {
        await this.addWaiting();
        if (this.isDue()) await this.sign();
        await sleep(this.ports.clock, this.limits.everyMs, signal);
      }
    } finally {
      ending.abort();
      this.resumeFollowing();
      await following;
    }
    if (stopping.aborted && !this.session.lost.aborted) await this.end();
  }

  /** Has the last events signed as well, so that a log whose application is stopped is not left with an unsigned tail. */
  private async end(): Promise<void> {
    const [patience, over] = [new AbortController(), new AbortController()];
    const late = sleep(this.ports.clock, this.limits.stopMs, over.signal).then(() => patience.abort());
    try {
      this.waiting = [];
      const rest = presentLog(this.ports.log, AUDITED_PREFIXES, this.position ?? 'start', patience.signal);
      for await (const event of rest) {
        this.waiting.push(event);
        if (this.waiting.length >= this.limits.batch) await this.addWaiting();
      }
      if (patience.signal.aborted) throw new Error(`The log did not answer within ${this.limits.stopMs} ms`);
      await this.addWaiting();
      if (this.frontier.size > this.checkpoints.size) await this.sign();
    } catch (error) {
      this.onError('The last events were not signed at the end; the next start does it', error);
    } finally {
      over.abort();
      await late;
    }
  }

  /** Takes no more than one batch ahead of what is stored. */
  private async follow(signal: AbortSignal): Promise<void> {
    const { log, clock, ids } = this.ports;
    const onError = (error: unknown) =>
      this.onError('Following the log for the audit tree failed, is tried again', error);
    const after = this.position ?? 'start';
    for await (const seen of followLog({ log, clock, ids, prefix: AUDITED_PREFIXES, after, signal, onError })) {
      if (seen.kind !== 'event') continue;
      this.waiting.push(seen.event);
      if (this.waiting.length >= this.limits.batch) await new Promise<void>((resolve) => (this.resumeFollowing = resolve));
    }
  }

  private async addWaiting(): Promise<void> {
    for (let least = 1; this.waiting.length >= least; least = this.limits.batch / 10) {
      const batch = this.waiting;
      this.waiting = [];
      this.resumeFollowing();
      if (this.frontier.size === this.checkpoints.size) this.due();
      const leaves = batch.map((event, offset) => leafOf(event, this.frontier.size + offset));
      const nodes = leaves.flatMap((leaf) => this.frontier.append(hashOfLeaf(leaf)));
      await this.session.add(leaves, nodes);
      this.position = leaves.at(-1)!.position;
      if (this.frontier.size - this.checkpoints.size >= this.limits.checkpointEvents) return;
    }
  }

  private due(): void {
    this.dueAt = this.ports.clock.now().getTime() + this.limits.checkpointMs;
  }

  private isDue(): boolean {
    const uncovered = this.frontier.size - this.checkpoints.size;
    if (uncovered === 0 && this.checkpoints.isOfAnotherKey) return true;
    if (uncovered <= 0) return (this.signRequested = false);
    const isLate = this.ports.clock.now().getTime() >= this.dueAt;
    return this.signRequested || isLate || uncovered >= this.limits.checkpointEvents;
  }

  private async sign(): Promise<void> {
    failpoint('before-checkpoint');
    try {
      await this.checkpoints.sign(this.frontier.size, this.frontier.root(), this.position!);
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error;
      // A leader of before came late with a checkpoint of its own, as right as this one: it is gone on from there.
      this.checkpoints = await TreeHeadChain.read(this.ports, this.session);
    }
    // A caller that asked meanwhile asks again where this was not enough.
    this.signRequested = false;
    this.due();
  }
}
