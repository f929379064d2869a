import { sleep } from '../clock.js';
import { NO_LEAD_NOTICES, type LeadNotices } from '../notices.js';
import type { AuditSession } from './audit-tree.js';
import type { KeeperLimits, KeeperPorts, OnAuditError } from './keeper-ports.js';
import { AuditTerm } from './term.js';

/** Keeps the tree behind the log and has its root signed. Of all instances one does; it never stands in an append's way. */
export class AuditKeeper {
  private readonly ending = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private term: AuditTerm | null = null;

  constructor(
    private readonly ports: KeeperPorts,
    private readonly limits: KeeperLimits,
    private readonly onError: OnAuditError,
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
  hurry(): void {
    this.term?.hurry();
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { tree, clock, ids } = this.ports;
    while (!signal.aborted) {
      try {
        const session = await tree.tryLead();
        if (session) await this.lead(session, signal);
      } catch (error) {
        if (!signal.aborted) this.onError('The audit tree stopped and starts again', error);
      }
      await sleep(clock, this.limits.leadPauseMs * (0.5 + ids.jitter()), signal);
    }
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
