import { escapeIdentifier } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import type { LiveExecution, LiveRows } from '../../../application/projections/drift/check-execution.js';
import type { AnyRow } from '../../../application/projections/projection.js';
import type {
  Poison,
  ProjectionCheckpoint as Checkpoint,
  SkippedEvent,
} from '../../../application/projections/projection-store.js';
import { inSnapshot } from '../queries/snapshot.js';
import type { ProjectionCheckpoint, ProjectionPoison, ProjectionSkipped } from '../entities/projection.entities.js';
import { encode, tableShape, type ColumnShape, type TableShape } from './row-statements.js';

/** Rows of the tables that projections keep about themselves, as the application knows them. */

export const checkpointsOf = (rows: readonly ProjectionCheckpoint[]): ReadonlyMap<string, Checkpoint> =>
  new Map(
    rows.map(({ projection, position, last_event_at: lastEventAt, event_position, event_id }) => {
      const lastEvent = event_position !== null && event_id !== null ? markOf(event_position, event_id) : null;
      return [projection, { position: BigInt(position), lastEventAt, lastEvent }];
    }),
  );

const markOf = (position: string, id: string) => ({ position: BigInt(position), id });

export const skippedOf = (rows: readonly ProjectionSkipped[]): readonly SkippedEvent[] =>
  rows.map((row) => ({ ...poisonFrom(row), actor: row.actor, reason: row.reason }));

export const poisonOf = (rows: readonly ProjectionPoison[]): readonly Poison[] => rows.map(poisonFrom);

const poisonFrom = (row: ProjectionPoison | ProjectionSkipped): Poison => ({
  projection: row.projection,
  executionId: row.execution_id,
  position: BigInt(row.position),
  revision: BigInt(row.revision),
  eventId: row.event_id,
  error: row.error,
  at: row.at,
});

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export class PostgresLiveRows implements LiveRows {
  constructor(private readonly dataSource: DataSource) {}

  of(executionId: string, projections: readonly string[]): Promise<readonly LiveExecution[]> {
    return inSnapshot(this.dataSource, async (manager) => {
      const found: LiveExecution[] = [];
      for (const projection of projections) found.push(await this.inTable(manager, projection, executionId));
      return found;
    });
  }

  normalised(projection: string, row: AnyRow): AnyRow {
    const { columns } = tableShape(this.dataSource, projection);
    return Object.fromEntries(
      [...columns].map(([column, shape]) => [column, asRead(shape, encode(shape, row[column]))]),
    );
  }

  async executions(after: string | null, limit: number, projections: readonly string[]): Promise<readonly string[]> {
    const parts = projections.map((projection) => {
      const owner = escapeIdentifier(ownerColumn(tableShape(this.dataSource, projection)));
      return `(select distinct ${owner} as id from ${escapeIdentifier(projection)} where $1::uuid is null or ${owner} > $1::uuid
               order by 1 limit $2)`;
    });
    const rows: { id: string }[] = await this.dataSource.query(
      `select id from (${parts.join(' union ')}) as every order by id limit $2`,
      [after, limit],
    );
    return rows.map(({ id }) => id);
  }

  private async inTable(manager: EntityManager, projection: string, executionId: string): Promise<LiveExecution> {
    const shape = tableShape(this.dataSource, projection);
    const columns = [...shape.columns.keys()].map((name) => escapeIdentifier(name)).join(', ');
    // A stream that is not named by a UUID can have no rows.
    const rows: AnyRow[] = UUID.test(executionId)
      ? await manager.query(
          `select ${columns} from ${escapeIdentifier(projection)} where ${escapeIdentifier(ownerColumn(shape))} = $1`,
          [executionId],
        )
      : [];
    const [checkpoint]: { position: string }[] = await manager.query(
      'select position from projection_checkpoints where projection = $1',
      [projection],
    );
    const beside: { revision: string; held: boolean }[] = await manager.query(
      `select revision, true as held from projection_poison where projection = $1 and execution_id = $2
       union all select revision, false from projection_skipped where projection = $1 and execution_id = $2`,
      [projection, executionId],
    );
    const held = beside.find((each) => each.held);
    return {
      projection,
      primaryKey: shape.primaryKey,
      position: checkpoint ? BigInt(checkpoint.position) : 'start',
      rows: rows.map((row) => read(shape, row)),
      heldAt: held ? BigInt(held.revision) : null,
      skipped: beside.filter((each) => !each.held).map(({ revision }) => BigInt(revision)),
    };
  }
}

/** Each read table names the execution that a row is of; in that of the executions it is the key. */
export const ownerColumn = ({ columns }: TableShape): string => (columns.has('execution_id') ? 'execution_id' : 'id');

const read = ({ columns }: TableShape, row: AnyRow): AnyRow =>
  Object.fromEntries(
    [...columns.keys()].map((column) => [
      column,
      row[column] instanceof Date ? row[column].toISOString() : row[column],
    ]),
  );

/** What was encoded for the column, as it comes back from there. */
const asRead = ({ type }: ColumnShape, encoded: unknown): unknown => {
  if (encoded === null) return null;
  if (type === 'json' || type === 'jsonb') return JSON.parse(encoded as string);
  return type === 'uuid' && typeof encoded === 'string' ? encoded.toLowerCase() : encoded;
};
