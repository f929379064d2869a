/** Of all instances one leads: it holds a lease, and does with it what only one may do at a time. */
import { sleep, type Clock } from './clock.js';

/** The right to write, which one instance has at a time. Where it is lost, another instance may have it. */
export interface Lease {
  /** Aborted when the right is gone. */
  readonly lost: AbortSignal;
  close(): Promise<void>;
}

/** The work of an instance from getting the lease to losing it. */
export interface LeaderSession {
  /** Ends quietly when the instance stops and when the lease is lost. */
  serve(stopping: AbortSignal): Promise<void>;
}

/** What operators see of it in the application's log. */
export const leadNotices = (what: string, tell: (level: 'log', line: string) => void) => ({
  begun: () => tell('log', `This instance ${what} from now on`),
  ended: () => tell('log', `This instance no longer ${what}`),
});
export type LeadNotices = ReturnType<typeof leadNotices>;

const NO_LEAD_NOTICES: LeadNotices = { begun: () => undefined, ended: () => undefined };

/** Why an attempt to lead, or a session, ended too early. `isLost`: by then the lease was gone, and no write could succeed. */
type LeadershipFailure = Readonly<{ error: unknown; isLost: boolean }>;

type Dependencies<Held extends Lease, Session extends LeaderSession> = Readonly<{
  clock: Clock;
  ids: Readonly<{ jitter: () => number }>;
  /** @returns null where another instance leads */
  tryLead: () => Promise<Held | null>;
  begin: (lease: Held) => Session | Promise<Session>;
  /** Before the next attempt to lead; spread by half of it. */
  pauseMs: (failure: LeadershipFailure | null) => number;
  onFailure: (failure: LeadershipFailure) => void;
  notices?: LeadNotices | undefined;
}>;

/** Tries to lead, leads while the lease lasts, and tries again, until it is stopped. */
export class Leadership<Held extends Lease, Session extends LeaderSession> {
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private current: Session | null = null;

  constructor(private readonly dependencies: Dependencies<Held, Session>) {}

  /** Null where this instance does not lead. */
  get session(): Session | null {
    return this.current;
  }

  start(): void {
    this.loop = this.run(this.stopping.signal);
  }

  /** Resolves when the session has ended and its lease is given back. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(stopping: AbortSignal): Promise<void> {
    const { clock, ids, pauseMs, onFailure } = this.dependencies;
    while (!stopping.aborted) {
      const failure = await this.tryToLead(stopping);
      if (failure && !stopping.aborted) onFailure(failure);
      await sleep(clock, pauseMs(failure) * (0.5 + ids.jitter()), stopping);
    }
  }

  private async tryToLead(stopping: AbortSignal): Promise<LeadershipFailure | null> {
    try {
      const lease = await this.dependencies.tryLead();
      return lease && (await this.lead(lease, stopping));
    } catch (error) {
      return { error, isLost: false };
    }
  }

  private async lead(lease: Held, stopping: AbortSignal): Promise<LeadershipFailure | null> {
    const { begin, notices = NO_LEAD_NOTICES } = this.dependencies;
    try {
      this.current = await begin(lease);
      notices.begun();
      await this.current.serve(stopping);
      return null;
    } catch (error) {
      return { error, isLost: lease.lost.aborted };
    } finally {
      if (this.current) notices.ended();
      this.current = null;
      await lease.close();
    }
  }
}
