import type { PoisonAction } from '../../../domain/projection/poison-orders.js';
import type { Actor } from '../../log/envelope.js';

/** What an operator wants done with an execution that is held back. */
export type PoisonOrder = Readonly<{
  id: string;
  projection: string;
  executionId: string;
  action: PoisonAction;
  /** Of the event that held it back then: skipping another one was not asked for. */
  revision: bigint;
  actor: Actor;
  reason: string;
  placedAt: Date;
}>;

export type PlacedOrder = PoisonOrder &
  Readonly<{
    /** Null until whoever leads the projections has carried it out. */
    doneAt: Date | null;
    /** What came of it, for people. */
    outcome: string | null;
  }>;

/** Orders come in at any instance; the one that leads the projections carries them out. */
export abstract class PoisonOrders {
  /** Once for an id. */
  abstract place(order: PoisonOrder): Promise<void>;
  abstract find(id: string): Promise<PlacedOrder | null>;
  /** Those not carried out yet, oldest first. */
  abstract pending(limit: number): Promise<readonly PoisonOrder[]>;
  abstract done(id: string, outcome: string): Promise<void>;
  /** Of one projection, latest first. */
  abstract latest(projection: string, limit: number): Promise<readonly PlacedOrder[]>;
}
