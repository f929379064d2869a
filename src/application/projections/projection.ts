import type { WorkflowEvent } from '../../domain/workflow/events.js';
import type { EventMetadata } from '../envelope.js';
import type { RecordedEvent } from '../event-log.js';

/** A recorded event, read: `event` is null for a type that this version does not know. */
export type ProjectedEvent = Readonly<{
  executionId: string;
  recorded: RecordedEvent;
  event: WorkflowEvent | null;
  metadata: EventMetadata;
}>;

/**
 * A row is born whole and changed in part (a partial upsert would trip over NOT NULL columns). An update counts only
 * where the row's `revision` is lower than the one it sets, so that applying an event twice changes nothing.
 */
export type Change<Row> =
  | Readonly<{ op: 'insert'; row: Row }>
  | Readonly<{
      op: 'update';
      key: Partial<Row>;
      set: Partial<Row>;
      /** Top-level keys to lay over the JSON object that stands at `path` inside `column`. */
      merge?: Readonly<{ column: keyof Row & string; path: readonly string[]; value: Readonly<Record<string, unknown>> }>;
    }>;

/** A read table as a pure function of one event. The store owns SQL, checkpoints and transactions. */
export interface Projection<Row> {
  readonly table: string;
  project(event: ProjectedEvent): readonly Change<Row>[];
}
