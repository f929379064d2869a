import type { WorkflowEvent } from '../../domain/workflow/events.js';
import { executionIdOf } from '../../domain/workflow/index.js';
import { upcast } from '../../domain/workflow/event-shapes.js';
import { type EventMetadata, parseMetadata } from '../log/envelope.js';
import type { RecordedEvent } from '../log/event-log.js';

type Recorded = Readonly<{ executionId: string; recorded: RecordedEvent }>;

/** `at`: the time of its command. */
type KnownEvent = Recorded & Readonly<{ event: WorkflowEvent; metadata: EventMetadata; at: Date }>;

/** Of a type that this version does not know. It may come from elsewhere: its metadata may be anything, null then. */
type UnknownEvent = Recorded & Readonly<{ event: null; metadata: EventMetadata | null; at?: undefined }>;

/** A recorded event, read. */
export type ProjectedEvent = KnownEvent | UnknownEvent;

/** Keys to lay over the JSON object that stands at `path` inside `column`; the empty path is the column itself. */
export type Merge<Row> = Readonly<{
  column: keyof Row & string;
  path: readonly string[];
  value: Readonly<Record<string, unknown>>;
}>;

/** Changes the row with the primary key `key`, or, where the key is a part of it, all rows that `where` lets pass. */
export type Update<Row> = Readonly<{
  op: 'update';
  key: Readonly<Partial<Row>>;
  /** Only rows that hold one of these values. */
  where?: Readonly<{ column: keyof Row & string; among: readonly string[] }>;
  set: Readonly<Partial<Row>> & Readonly<{ revision: string }>;
  /** Set where there is nothing yet. */
  fill?: Readonly<Partial<Row>>;
  merge?: readonly Merge<Row>[];
}>;

/**
 * A row is born whole and changed in part (a partial upsert would trip over NOT NULL columns). An insert counts only
 * where there is no such row, an update only where the row's `revision` is lower than the one it sets: applying an event
 * twice changes nothing.
 */
export type Change<Row> = Readonly<{ op: 'insert'; row: Row }> | Update<Row>;

export type AnyRow = Readonly<Record<string, unknown>>;

/** One text for one row of a table. @param key its columns; `row` needs no others */
export const rowName = (row: AnyRow, key: readonly string[]): string =>
  key.length === 1 ? String(row[key[0]!]) : JSON.stringify(key.map((column) => row[column]));

/** A read table as a pure function of one event. The store owns SQL, checkpoints and transactions. */
export interface Projection<Row = AnyRow> {
  /** The table's name, and the projection's. */
  readonly table: string;
  /** The columns of its primary key; `id` where there is none here. */
  readonly key?: readonly (keyof Row & string)[];
  /** To be raised with each change of what `project` gives: the table is then built anew, see `npm run projections`. */
  readonly version: number;
  /** @throws where the event is not what this application writes */
  project(event: ProjectedEvent): readonly Change<Row>[];
}

/** @throws where `text` is not a time: a missing one would otherwise become a NULL in silence */
export const instant = (text: string): Date => {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new Error(`Expected an ISO-8601 time, got ${String(text)}`);
  return time;
};

export const instantOrNull = (text: string | null): Date | null => (text === null ? null : instant(text));

/** @throws where a known event, or what stands beside it, is not what this application writes */
export const readEvent = (recorded: RecordedEvent): ProjectedEvent => {
  const executionId = executionIdOf(recorded.stream);
  const event = upcast(recorded.type, recorded.data);
  if (!event) return { executionId, recorded, event, metadata: metadataIfOurs(recorded.metadata) };
  const metadata = parseMetadata(recorded.metadata);
  return { executionId, recorded, event, metadata, at: instant(metadata.occurredAt) };
};

/** Null where it is not what this application writes. */
export const metadataIfOurs = (metadata: unknown): EventMetadata | null => {
  try {
    return parseMetadata(metadata);
  } catch {
    return null;
  }
};
