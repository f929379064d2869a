import type { OnError } from '../runtime/errors.js';
import { sleep } from '../runtime/clock.js';
import { NO_LEAD_NOTICES, type LeadNotices } from '../runtime/notices.js';
import type { AuditSession } from './audit-tree.js';
import type { KeeperLimits, KeeperPorts } from './writer-ports.js';
import { KeyNotAllowed } from './may-sign.js';
import { AuditTerm } from './term.js';

/** Keeps the tree behind the log and has its root signed. Of all instances one does; it never stands in an append's way. */
export class AuditTreeWriter {
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private term: AuditTerm | null = null;
  private refusal: string | null = null;

  constructor(
    private readonly ports: KeeperPorts,
    private readonly limits: KeeperLimits,
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

  /** Has what is not covered yet signed now, where this instance leads; elsewhere it is as soon as it is due. */
  signNow(): void {
    this.term?.hurry();
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { tree, clock, ids } = this.ports;
    while (!signal.aborted) {
      let pauseMs = this.limits.leadPauseMs;
      try {
        const session = await tree.tryLead();
        if (session) await this.lead(session, signal);
      } catch (error) {
        if (error instanceof KeyNotAllowed) pauseMs = this.limits.keyPauseMs;
        if (!signal.aborted) this.tell(error);
      }
      await sleep(clock, pauseMs * (0.5 + ids.jitter()), signal);
    }
  }

  /** A key that may not sign is logged once: that does not change by itself, and others may sign. */
  private tell(error: unknown): void {
    if (!(error instanceof KeyNotAllowed)) return this.onError('The audit tree stopped and starts again', error);
    if (this.refusal !== error.message) this.onError('This instance signs nothing', error);
    this.refusal = error.message;
  }

  private async lead(session: AuditSession, signal: AbortSignal): Promise<void> {
    try {
      this.term = await AuditTerm.begin(this.ports, session, this.limits, this.onError);
      this.notices.begun();
      await this.term.serve(signal);
    } finally {
      if (this.term) this.notices.ended();
      this.term = null;
      await session.close();
    }
  }
}
