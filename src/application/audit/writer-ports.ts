import type { Clock } from '../runtime/clock.js';
import type { EventLog } from '../log/event-log.js';
import type { Ids } from '../log/ids.js';
import type { AuditTree } from './audit-tree.js';
import type { TreeHeadSigner, OutsideTreeHeads } from './signed-tree-head.js';

export type AuditWriterLimits = Readonly<{
  /** A checkpoint is signed after so many events, or when the oldest that no checkpoint covers waits for so long. */
  checkpointEvents: number;
  checkpointMs: number;
  /** Events of one batch, and the pause between two looks at what has come. */
  batch: number;
  everyMs: number;
  /** Between two tries to lead. */
  leadPauseMs: number;
  /** The same, where the key of this instance may not sign. */
  keyPauseMs: number;
  /** How long the end of an instance waits for its last checkpoint. */
  stopMs: number;
}>;

export const DEFAULT_AUDIT_WRITER_LIMITS: AuditWriterLimits = {
  checkpointEvents: 10_000,
  checkpointMs: 10_000,
  batch: 500,
  everyMs: 100,
  leadPauseMs: 1_000,
  keyPauseMs: 15_000,
  stopMs: 3_000,
};

export type AuditWriterDependencies = Readonly<{
  tree: AuditTree;
  log: EventLog;
  clock: Clock;
  ids: Ids;
  signer: TreeHeadSigner;
  /** Ids of keys that an operator vouches for. */
  pins: ReadonlySet<string>;
  outside: OutsideTreeHeads;
}>;
