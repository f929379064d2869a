import type { PoisonAction } from '../../../domain/projection/poison-orders.js';
import type { Actor } from '../../log/envelope.js';
import type { RowDifference } from '../drift/check-execution.js';
import type { Poison, SkippedEvent } from '../projection-store.js';

/** What a projection's checkpoint says. */
export type ProjectionRecord = Readonly<{
  projection: string;
  position: bigint;
  lastEventAt: Date | null;
  updatedAt: Date;
  /** Events handled since the table was made; it begins anew with another `rebuildId`. */
  events: bigint;
  version: number;
  rebuildId: string | null;
}>;

/** An execution whose rows were not those of its events when they were compared last. */
export type Drift = Readonly<{
  projection: string;
  executionId: string;
  position: bigint;
  differences: number;
  samples: readonly RowDifference[];
  foundAt: Date;
}>;

export type HeldBack = Readonly<{ poisoned: number; skipped: number; drifted: number }>;

/** What the tables beside the read tables hold. Every instance may look. */
export abstract class ProjectionRecords {
  abstract all(): Promise<readonly ProjectionRecord[]>;
  /** Whether some instance leads the projections. */
  abstract isLed(): Promise<boolean>;
  /** By projection; those without any are left out. */
  abstract counts(): Promise<ReadonlyMap<string, HeldBack>>;
  /** Oldest first. */
  abstract poisoned(projection: string, limit: number): Promise<readonly Poison[]>;
  abstract poison(projection: string, executionId: string): Promise<Poison | null>;
  /** Latest first. */
  abstract skipped(projection: string, limit: number): Promise<readonly SkippedEvent[]>;
  abstract drifted(projection: string, limit: number): Promise<readonly Drift[]>;
  /** In place of what was known of that execution; null: its rows are those of its events. */
  abstract compared(projection: string, executionId: string, drift: Drift | null): Promise<void>;
}

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
    /** Null until the leader of the projections has carried it out. */
    doneAt: Date | null;
    /** What came of it, for people. */
    outcome: string | null;
  }>;

/** Orders come in at any instance; the leader of the projections carries them out. */
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
