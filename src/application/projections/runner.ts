import { sleep } from '../runtime/clock.js';
import { NotReady } from '../runtime/errors.js';
import { NO_LEAD_NOTICES, type LeadNotices } from '../runtime/notices.js';
import type { Projection } from './projection.js';
import type { ProjectionSession } from './projection-store.js';
import type { RunnerLimits } from './runner-limits.js';
import type { OnError } from '../runtime/errors.js';
import { Term, type RunnerPorts } from './term.js';

export { DEFAULT_RUNNER_LIMITS, type RunnerLimits } from './runner-limits.js';

export type RunnerStatus = Readonly<{
  /** Whether this instance is the one that writes. What follows is known to that one only. */
  leading: boolean;
  /** Everything that was in the log when the subscription was opened is in the tables. */
  caughtUp: boolean;
  /** That all projections have passed. */
  position: bigint | 'start';
  lastEventAt: Date | null;
  /** Executions held back, all projections together. */
  poisoned: number;
}>;

/** Keeps the read tables behind the log by as little as the store allows: what came in while it was busy is one batch. */
export class ProjectionRunner {
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private term: Term | null = null;

  constructor(
    private readonly ports: RunnerPorts,
    private readonly projections: readonly Projection[],
    private readonly limits: RunnerLimits,
    private readonly onError: OnError,
    private readonly notices: LeadNotices = NO_LEAD_NOTICES,
  ) {}

  start(): void {
    this.loop = this.run(this.ending.signal);
  }

  /** Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }

  status(): RunnerStatus {
    const { caughtUp = false, position = 'start', lastEventAt = null, poisoned = 0 } = this.term ?? {};
    return { leading: this.term !== null, caughtUp, position, lastEventAt, poisoned };
  }

  /**
   * Tries again what is held back.
   * @throws NotReady where another instance leads, or none does
   */
  async retryPoisoned(): Promise<void> {
    if (!this.term) throw new NotReady('This instance does not lead the projections; ask the one that does');
    await this.term.heal();
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { store, clock, ids } = this.ports;
    while (!signal.aborted) {
      try {
        const session = await store.tryLead();
        if (session) await this.lead(session, signal);
      } catch (error) {
        if (!signal.aborted) this.onError('The projections stopped and start again', error);
      }
      await sleep(clock, this.limits.leadPauseMs * (0.5 + ids.jitter()), signal);
    }
  }

  private async lead(session: ProjectionSession, signal: AbortSignal): Promise<void> {
    try {
      this.term = await Term.begin(this.ports, this.projections, session, this.limits, this.onError);
      this.notices.begun();
      await this.term.serve(signal);
    } catch (error) {
      // A write that is under way when the lead is taken, as each swap of rebuilt tables does, is no fault.
      if (!session.lost.aborted) throw error;
    } finally {
      if (this.term) this.notices.ended();
      this.term = null;
      await session.close();
    }
  }
}
