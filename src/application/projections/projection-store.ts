import type { Actor } from '../log/envelope.js';
import type { LogMark } from '../log/log-identity.js';
import type { Lease } from '../runtime/leadership.js';
import type { AnyRow, Change, Projection } from './projection.js';

export type ProjectionCheckpoint = Readonly<{
  /** Of the last event handled, or of a later place up to which nothing else matched. */
  position: bigint;
  /** When the log recorded the last event handled; null before the first. */
  lastEventAt: Date | null;
  /** That event, by which the log is known again; absent where an earlier version has stored the checkpoint. */
  lastEvent?: LogMark | null | undefined;
}>;

/** The event at which a projection stopped following one execution. */
export type Poison = Readonly<{
  projection: string;
  executionId: string;
  position: bigint;
  revision: bigint;
  eventId: string;
  error: string;
  at: Date;
}>;

/** An event that an operator had passed over: it is not in the rows, and this says why. */
export type SkippedEvent = Poison & Readonly<{ actor: Actor; reason: string }>;

/** What one transaction does to one projection. */
export type ProjectionWrite = Readonly<{
  projection: string;
  changes: readonly Change<AnyRow>[];
  /** Recorded, in place of an earlier one of the same execution. */
  poisoned: readonly Poison[];
  /** Executions that are no longer held back. */
  healed: readonly string[];
  /** Recorded for good. None where it is not given. */
  skipped?: readonly SkippedEvent[];
  /** How many events led to it; for the rate that is shown. */
  events?: number;
  /** Of the mapping; recorded with the first checkpoint. */
  version: number;
  /** Null: stays where it is. */
  checkpoint: ProjectionCheckpoint | null;
  /** The tables are far behind: a row that is born here may be written as it is at the end. Not where it is not given. */
  isCatchingUp?: boolean;
}>;

/** Where rows, checkpoints and poison are kept. The leader writes; every instance reads. */
export abstract class ProjectionStore {
  /** @returns null where another instance leads */
  abstract tryLead(): Promise<ProjectionLease | null>;
  /** By projection. */
  abstract checkpoints(): Promise<ReadonlyMap<string, ProjectionCheckpoint>>;
  /** Oldest first, `limit` at most. */
  abstract poisoned(limit: number): Promise<readonly Poison[]>;
}

/** The right to write the read tables: one instance at a time has it. */
export interface ProjectionLease extends Lease {
  /**
   * All of it or nothing.
   * @throws CannotApply where the data are at fault; anything else is the store's trouble
   */
  apply(writes: readonly ProjectionWrite[]): Promise<void>;
}

/** The changes of one projection can never be written as they are. */
export class CannotApply extends Error {
  constructor(
    readonly projection: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Those that are kept up to date as events come. One that is new beside others is built apart from them first. */
export const followed = (
  checkpoints: ReadonlyMap<string, ProjectionCheckpoint>,
  projections: readonly Projection[],
): readonly Projection[] =>
  checkpoints.size === 0 ? projections : projections.filter(({ table }) => checkpoints.has(table));

/** The position that all of the projections have passed. */
export const lowestPosition = (
  checkpoints: ReadonlyMap<string, ProjectionCheckpoint>,
  projections: readonly Projection[],
): bigint | 'start' =>
  projections.reduce<bigint | 'start' | undefined>((lowest, { table }) => {
    const position = checkpoints.get(table)?.position ?? 'start';
    if (lowest === undefined || position === 'start') return position;
    return lowest === 'start' || lowest < position ? lowest : position;
  }, undefined) ?? 'start';
