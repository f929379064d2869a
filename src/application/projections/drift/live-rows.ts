import type { AnyRow } from '../projection.js';

/** What a read table holds of one execution, and what it should not hold yet. */
export type LiveExecution = Readonly<{
  projection: string;
  primaryKey: readonly string[];
  /** As of which the rows are; 'start' where the table was never written. */
  position: bigint | 'start';
  rows: readonly AnyRow[];
  /** The event at which the execution is held back; null where it is not. */
  heldAt: bigint | null;
  /** Revisions that an operator had passed over. */
  skipped: readonly bigint[];
}>;

/** The read tables as they are, for comparing. Rows are normalised: what is the same value has the same JSON. */
export abstract class LiveRows {
  /** All of it as of one moment. */
  abstract of(executionId: string, projections: readonly string[]): Promise<readonly LiveExecution[]>;
  /** The row as it would come out of the table that it is written to. */
  abstract normalised(projection: string, row: AnyRow): AnyRow;
  /** Executions with a row in any of these tables, by id, after that one. */
  abstract executions(after: string | null, limit: number, projections: readonly string[]): Promise<readonly string[]>;
}
