/** Invariants of the whole world: the read tables match the log, and everything that begins comes to an end. */
import { isDeepStrictEqual } from 'node:util';
import { projections } from '../../src/application/projections/index.js';
import { readEvent } from '../../src/application/projections/projection.js';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { executionIdOf, STREAM_PREFIX } from '../../src/domain/workflow/index.js';
import { expectedExecution, expectedSteps } from '../application/projections/expected-rows.js';
import type { Database } from './database.js';
import { ReadTables } from './read-tables.js';

/** The read tables as they must be at their checkpoints; follows the log as the checkpoints move. */
export class Reference {
  private readonly tables = new ReadTables();
  private readonly reached = new Map<string, number>();
  private readonly positions = new Map<string, bigint>();

  constructor(private readonly database: Database) {}

  /** At any time each table equals the fold of the log up to its checkpoint, and no checkpoint moves back. */
  I12_I13(events: readonly RecordedEvent[]): readonly string[] {
    return projections.flatMap(({ table, project }) => {
      const { position } = this.database.checkpoints.get(table) ?? { position: 0n };
      if (position < (this.positions.get(table) ?? 0n)) return [`I13 the checkpoint of ${table} moved back`];
      this.positions.set(table, position);
      let next = this.reached.get(table) ?? 0;
      for (; next < events.length && events[next]!.position <= position; next++) {
        const event = events[next]!;
        if (!isOfExecution(event) || this.database.isHeld(table, executionIdOf(event.stream))) continue;
        try {
          for (const change of project(readEvent(event))) this.tables.apply(table, change);
        } catch {
          return [`I12 ${table} has passed ${event.id}, which it cannot have taken`];
        }
      }
      this.reached.set(table, next);
      return this.compare(table, `at the checkpoint ${position}`);
    });
  }

  private compare(table: string, when: string): readonly string[] {
    const [rows, expected] = [this.database.tables, this.tables].map(
      (tables) => new Map([...tables.rows(table)].map((row) => [row['id'], row])),
    );
    const isHeld = (row: unknown) => {
      const { id, execution_id: executionId } = row as { id: string; execution_id?: string };
      return this.database.isHeld(table, executionId ?? id);
    };
    const wrong = [...expected!].filter(([id, row]) => !isHeld(row) && !isDeepStrictEqual(row, rows!.get(id)));
    const more = [...rows!].filter(([id, row]) => !isHeld(row) && !expected!.has(id));
    return [...wrong, ...more].map(([id]) => `I12 ${table} ${String(id)} is not what the log says ${when}`).slice(0, 3);
  }
}

/** At rest the rows of an execution equal the domain's own fold of its history. */
export const I12 = (database: Database, executionId: string, history: readonly RecordedEvent[]): readonly string[] => {
  if (history.length === 0) return [];
  const rows = (table: string) => [...database.tables.rows(table)] as { id: string; execution_id?: string }[];
  const mine = rows('workflow_executions').find(({ id }) => id === executionId);
  const steps = new Map(rows('workflow_steps').map((row) => [row.id, row]));
  const events = rows('workflow_events').filter(({ execution_id: id }) => id === executionId);
  const wrong: string[] = [];
  if (!isDeepStrictEqual(mine, expectedExecution(history)))
    wrong.push(`I12 the row of ${executionId} is not its state`);
  for (const step of expectedSteps(history)) {
    if (!isDeepStrictEqual(steps.get(step.id), step))
      wrong.push(`I12 the row of step ${step.step_name} is not its state`);
  }
  if (events.length !== history.length) wrong.push(`I12 ${events.length} rows for ${history.length} events`);
  return wrong;
};

const isOfExecution = ({ stream }: RecordedEvent) => stream.startsWith(STREAM_PREFIX);

/** At rest every projection has passed the last event of an execution. */
export const isCaughtUp = (database: Database, events: readonly RecordedEvent[]): boolean => {
  const last = events.findLast(isOfExecution)?.position ?? -1n;
  return projections.every(({ table }) => (database.checkpoints.get(table)?.position ?? -1n) >= last);
};
