import type { Lease } from '../runtime/leadership.js';
import type { RowDifference } from '../../domain/projection/events.js';
import type { LogMark } from '../log/log-identity.js';
import type { BulkBegin, BulkPass, BulkWriter } from './bulk-store.js';
import type { Poison, ProjectionCheckpoint, ProjectionLease, SkippedEvent } from '../projections/projection-store.js';

/** Where a table may stand beside the live one: while it is built, and after another took its place. */
export type Area = 'shadow' | 'previous';

/** Which mapping and which rebuild made the live table; `rebuildId` is null for one that was never rebuilt. */
export type LiveTable = Readonly<{ version: number; rebuildId: string | null; position: bigint }>;

export type BuildProgress = Readonly<{ rebuildId: string; position: bigint | null; events: number; buildMs: number }>;

export type Compared = Readonly<{
  position: bigint;
  live: number;
  rebuilt: number;
  added: number;
  removed: number;
  changed: number;
  samples: readonly RowDifference[];
}>;

/** Tables beside the live ones. At most one instance at a time builds them; every instance may look how far it is. */
export interface RebuildStore {
  /** @returns null where another instance builds */
  tryBuild(): Promise<RebuildSession | null>;
  /** By projection; those that have a checkpoint. */
  live(): Promise<ReadonlyMap<string, LiveTable>>;
  /** By projection; those that stand in that area. */
  progress(area: Area): Promise<ReadonlyMap<string, BuildProgress>>;
}

/** How far the live tables are: the last event that they have taken, null where that was not noted, and how many. */
export type LiveMark = Readonly<{ position: bigint; lastEvent: LogMark | null; events: number }>;

/** The right to build: one instance at a time has it. */
export interface RebuildSession extends Lease {
  /** An empty table beside the live one, without indexes where a bulk pass begins; one that this rebuild has begun is kept as it is. */
  prepare(projection: string, rebuildId: string, begin: BulkBegin | null): Promise<void>;
  /** By projection: the bulk passes that are under way. */
  passes(): Promise<ReadonlyMap<string, BulkPass>>;
  bulkWriter(): Promise<BulkWriter>;
  /** The farthest of the live tables; null where nothing was ever projected. */
  live(): Promise<LiveMark | null>;
  /** Writes to the tables of that area, as the live ones are written: rows, poison and checkpoint in one transaction. */
  writer(area: Area): Promise<AreaWriter>;
  /** Adds to what is known of the work so far. */
  worked(projection: string, events: number, ms: number): Promise<void>;
  /**
   * Row by row, both tables as of one position: `align` gets that of the live table (which goes on meanwhile, seen as
   * of one moment) and has to bring the shadow there.
   * @returns null where the live table is behind the shadow: ask again
   */
  compare(projection: string, align: (position: bigint) => Promise<void>, samples: number): Promise<Compared | null>;
  /**
   * Puts the tables of that area in the place of the live ones, in one transaction. Nobody writes to the live ones
   * meanwhile: `align` gets how far they are, and has to bring the others there. While clients read for long it waits,
   * until `signal` is aborted.
   */
  swap(
    swaps: readonly Swap[],
    area: Area,
    align: (position: bigint) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Drops the table that stands there. */
  discard(projection: string, area: Area): Promise<void>;
}

export type Swap = Readonly<{ projection: string; version: number; rebuildId: string }>;

export type AreaWriter = ProjectionLease &
  Readonly<{
    checkpoints: () => Promise<ReadonlyMap<string, ProjectionCheckpoint>>;
    poisoned: (limit: number) => Promise<readonly Poison[]>;
    /** What operators had the live tables pass over. @throws where there is more of it */
    skipped: (limit: number) => Promise<readonly SkippedEvent[]>;
  }>;
