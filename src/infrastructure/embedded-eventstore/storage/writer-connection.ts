import { setTimeout as delay } from 'node:timers/promises';
import { isConnectionLoss } from '../../postgres/session/pg-client.js';
import { SessionsAreShared } from '../../postgres/session/session-lock.js';
import type { Limits } from '../limits.js';
import type { StoredEvent } from '../wire/records.js';
import { AnotherNodeRuns, WriterSession } from './storage.js';

/** This node writes no more: the database stayed away, another node took it over, or the log is not as it was left. */
export class WriterLost extends Error {}

/** The writer's session, made again at once when it is lost. What was being written then is written once, not twice. */
export class WriterConnection {
  private usable: Promise<WriterSession>;
  private closing = false;
  private abandoned: WriterSession | undefined;
  /** The node that was advertised. */
  private node: string | undefined;

  private constructor(
    session: WriterSession,
    private readonly open: () => Promise<WriterSession>,
    private readonly limits: Limits,
    private readonly log: (line: string) => void,
  ) {
    this.usable = Promise.resolve(session);
  }

  /** @throws AnotherNodeRuns */
  static async open(databaseUrl: string, limits: Limits, log: (line: string) => void): Promise<WriterConnection> {
    const own: { connection?: WriterConnection } = {};
    const open = () => openSession(databaseUrl, limits, own.connection?.node, (lost) => own.connection?.reopen(lost));
    own.connection = new WriterConnection(await open(), open, limits, log);
    return own.connection;
  }

  async advertise(url: string, node: string): Promise<void> {
    await (await this.usable).advertise(url, node);
    this.node = node;
  }

  async secret(): Promise<string> {
    return (await this.usable).secret();
  }

  /** Says that this node lives. Waits while the connection is lost. @throws WriterLost when it does not come back */
  async beat(): Promise<void> {
    const session = await this.usable;
    try {
      await session.beat();
    } catch (error) {
      // Another node may have the lock as well: nothing is written before it is held in a session again.
      if (error instanceof SessionsAreShared) this.reopen(session, error.message);
      throw error;
    }
  }

  async lastPosition(): Promise<bigint> {
    return (await this.usable).lastPosition();
  }

  /**
   * Resolves when the events are committed. Other errors than this one say that they are not.
   * @throws WriterLost when it cannot be known, or this node must no longer write
   */
  async insert(events: readonly StoredEvent[]): Promise<void> {
    const first = events[0];
    let inDoubt = false;
    while (first) {
      const session = await this.usable;
      try {
        // A session has the lock, so the one before it is gone, and with it any commit that was under way.
        if (inDoubt && (await session.holds(first))) return;
        inDoubt = true;
        return await session.insert(events);
      } catch (error) {
        if ((error as { code?: string }).code === UNIQUE_VIOLATION)
          throw new WriterLost('The log was written by someone else', { cause: error });
        if (!isConnectionLoss(error)) throw error;
        // The session is dead: to try it again and again would never end.
        if (this.closing) throw new WriterLost('The node is closing and the database is gone', { cause: error });
        this.reopen(session);
      }
    }
  }

  /** Resolves when an event like this one could be committed now. Nothing of it is left. @throws WriterLost as `insert` does */
  async probe(event: StoredEvent): Promise<void> {
    const session = await this.usable;
    try {
      await session.probe(event);
    } catch (error) {
      if ((error as { code?: string }).code === UNIQUE_VIOLATION)
        throw new WriterLost('The log was written by someone else', { cause: error });
      if (isConnectionLoss(error)) this.reopen(session);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.closing = true;
    const session = await Promise.race([
      this.usable.catch(() => undefined),
      delay(CLOSE_WAIT_MS, undefined, { ref: false }),
    ]);
    await session?.withdraw().catch(() => undefined);
    await session?.close();
  }

  /** Also while nothing is written: without the session the lock is free for another node. */
  private reopen(
    lost: WriterSession,
    why = 'The connection to the database is lost; waiting for it to come back',
  ): void {
    if (this.closing || lost === this.abandoned) return;
    this.abandoned = lost;
    this.log(why);
    this.usable = this.comeBack(lost);
    this.usable.catch(() => undefined); // the next writer gets the error
  }

  private async comeBack(lost: WriterSession): Promise<WriterSession> {
    await lost.close();
    const giveUpAt = Date.now() + this.limits.recoveryMs;
    while (!this.closing) {
      try {
        const session = await this.open();
        this.log('The database is back');
        return session;
      } catch (error) {
        if (error instanceof AnotherNodeRuns) throw new WriterLost(error.message, { cause: error });
        if (Date.now() > giveUpAt)
          throw new WriterLost(`The database stayed away for ${this.limits.recoveryMs} ms`, { cause: error });
        await delay(this.limits.recoveryPauseMs);
      }
    }
    throw new WriterLost('The node is closing');
  }
}

const UNIQUE_VIOLATION = '23505';
const CLOSE_WAIT_MS = 1_000;

/** The session of a node that was killed a moment ago may still hold the lock: ask again for a while. */
async function openSession(
  databaseUrl: string,
  limits: Limits,
  node: string | undefined,
  onLost: (lost: WriterSession) => void,
): Promise<WriterSession> {
  const giveUpAt = Date.now() + limits.lockWaitMs;
  for (;;) {
    try {
      return await WriterSession.open(databaseUrl, limits, node, onLost);
    } catch (error) {
      if (!(error instanceof AnotherNodeRuns) || Date.now() >= giveUpAt) throw error;
      await delay(limits.recoveryPauseMs);
    }
  }
}
