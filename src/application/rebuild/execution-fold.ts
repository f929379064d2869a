/** Executions folded in memory, so that each row is written once, as it is in the end. Pure but for its own rows. */
import { endsExecution } from '../../domain/workflow/events.js';
import { isTombstone, type RecordedEvent } from '../log/event-log.js';
import { FoldedTable } from '../projections/fold-rows.js';
import { readEvent, type AnyRow, type Change, type Projection } from '../projections/projection.js';

/**
 * One execution from its first event on, as far as it was read. Where anything of it is unusual (an event that cannot be read, a
 * row that was never born), none of its rows is taken from here: its events are left to the applier, which decides on
 * poison as it does for the live tables.
 */
export class ExecutionFold {
  readonly events: RecordedEvent[] = [];
  /** Of the events' texts, about. */
  bytes = 0;
  private readonly tables: (readonly [Projection, FoldedTable])[];

  /** @param isWhole false where events before these were taken already: the rows of these cannot be told by themselves */
  constructor(
    readonly stream: string,
    projections: readonly Projection[],
    private isWhole = true,
  ) {
    this.tables = projections.map((each) => [each, new FoldedTable(each.table, each.key)]);
  }

  take(event: RecordedEvent, bytes: number): void {
    this.bytes += bytes;
    if (isTombstone(event)) return;
    this.events.push(event);
    if (!this.isWhole) return;
    try {
      const read = readEvent(event);
      for (const [projection, table] of this.tables)
        for (const change of projection.project(read)) applied(table, change);
    } catch {
      this.isWhole = false;
    }
  }

  /** By table; null where its events are to be taken later. */
  rows(): ReadonlyMap<string, readonly AnyRow[]> | null {
    if (!this.isWhole) return null;
    return new Map(this.tables.map(([{ table }, folded]) => [table, folded.rows()]));
  }
}

const applied = (table: FoldedTable, change: Change<AnyRow>): void => {
  const merges = change.op === 'update' ? (change.merge ?? []) : [];
  if (!merges.every(({ value }) => isObject(value))) throw new Error('Only an object can be laid over another');
  if (!table.absorb(change)) throw new Error('The row was never born');
};

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What comes of several executions: rows by table, and events for later in the order of the log. */
export const gathered = (folds: readonly ExecutionFold[]) => {
  const rows = new Map<string, AnyRow[]>();
  const later: RecordedEvent[] = [];
  for (const fold of folds) {
    const made = fold.rows();
    if (!made) for (const event of fold.events) later.push(event);
    for (const [table, more] of made ?? []) {
      const present = rows.get(table);
      if (!present) rows.set(table, [...more]);
      else for (const row of more) present.push(row);
    }
  }
  return { rows, later };
};

/** The row that a change is about; `key` holds its columns, and perhaps others. */
export type Touched = Readonly<{ key: AnyRow; executionId: string }>;

/** By table: the rows that these events make or change. */
export const touchedBy = (
  projections: readonly Projection[],
  events: readonly RecordedEvent[],
): ReadonlyMap<string, readonly Touched[]> => {
  const found = new Map<string, Touched[]>(projections.map(({ table }) => [table, []]));
  for (const event of events) {
    try {
      const read = readEvent(event);
      for (const { table, project } of projections)
        for (const change of project(read))
          found
            .get(table)!
            .push({ key: change.op === 'insert' ? change.row : change.key, executionId: read.executionId });
    } catch {
      // Poison: it touches nothing, which the applier says as well.
    }
  }
  return found;
};

/**
 * Executions of a log that is read by position: many at a time. What is over leaves soon; beyond the bound, those leave that have
 * had no event for longest. What comes of an execution after it has left is for later.
 */
export class OpenFolds {
  /** The latest event's last. */
  private readonly held = new Map<string, ExecutionFold>();
  private readonly over = new Set<string>();
  private bytes = 0;
  private overEvents = 0;

  constructor(
    private readonly projections: readonly Projection[],
    private readonly limits: Readonly<{ batch: number; foldedBytes: number }>,
  ) {}

  /** @returns the executions that leave with it */
  take(event: RecordedEvent, bytes: number): readonly ExecutionFold[] {
    const { stream, type, revision } = event;
    const isKnown = revision === 0n || this.held.has(stream);
    const fold = this.held.get(stream) ?? new ExecutionFold(stream, this.projections, isKnown);
    this.held.delete(stream);
    this.held.set(stream, fold);
    fold.take(event, bytes);
    this.bytes += bytes;
    if (endsExecution(type) || !isKnown) this.over.add(stream);
    if (this.over.has(stream)) this.overEvents += 1;
    const { batch, foldedBytes } = this.limits;
    if (this.overEvents < batch && this.bytes <= foldedBytes) return [];
    return [...this.leave(this.over), ...this.leaveUntil(foldedBytes / 2)];
  }

  /** All that is left. */
  rest(): readonly ExecutionFold[] {
    return this.leave([...this.held.keys()]);
  }

  private leaveUntil(bytes: number): readonly ExecutionFold[] {
    if (this.bytes <= this.limits.foldedBytes) return [];
    const gone: ExecutionFold[] = [];
    for (const stream of this.held.keys()) {
      if (this.bytes <= bytes) break;
      gone.push(...this.leave([stream]));
    }
    return gone;
  }

  private leave(streams: Iterable<string>): readonly ExecutionFold[] {
    const gone: ExecutionFold[] = [];
    for (const stream of streams) {
      const fold = this.held.get(stream);
      if (!fold) continue;
      this.held.delete(stream);
      this.bytes -= fold.bytes;
      gone.push(fold);
      this.over.delete(stream);
    }
    if (this.over.size === 0) this.overEvents = 0;
    return gone;
  }
}
