import type { EventStoreDBClient } from '@eventstore/db-client';
import type { Appended, ExpectedRevision, NewEvent } from '../../application/log/event-log.js';
import { BatchAppends } from './batch-appends.js';

/**
 * The library sends one message of a call at a time, and the next when the one before has left the process. Over some calls side
 * by side so many leave at once. A call is opened when all others have something under way.
 */
export class AppendPool {
  private readonly lanes: readonly BatchAppends[];

  constructor(client: EventStoreDBClient, limits: Readonly<{ appendTimeoutMs: number; appendCalls: number }>) {
    const { appendTimeoutMs, appendCalls } = limits;
    this.lanes = Array.from({ length: appendCalls }, () => new BatchAppends(client, appendTimeoutMs));
  }

  /** @throws as BatchAppends */
  append(stream: string, events: readonly NewEvent[], expected: ExpectedRevision): Promise<Appended> {
    const idlest = this.lanes.reduce((best, lane) => (lane.underWay < best.underWay ? lane : best));
    return idlest.append(stream, events, expected);
  }

  async close(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.close()));
  }
}
