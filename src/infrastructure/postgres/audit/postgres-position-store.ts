/** Every position of the log that the database keeps, for the move of the log: a new column of positions gets its line here. */
import { escapeIdentifier } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import type { PositionStore, PresentPlace, StoredPositions } from '../../../application/audit/move-log.js';
import { STREAM_PREFIX } from '../../../domain/workflow/index.js';
import { schemasOf } from '../rebuild/areas.js';

/** A row that names an event by stream and revision holds its position; both as SQL over the row. */
type PositionColumn = Readonly<{ table: string; column: string; stream: string }>;

const OF_EXECUTION = `'${STREAM_PREFIX}' || held.execution_id::text`;
/** These go where a read table goes: they may stand beside the live ones too. */
const READ: readonly PositionColumn[] = [
  { table: 'workflow_executions', column: 'position', stream: `'${STREAM_PREFIX}' || held.id::text` },
  { table: 'workflow_events', column: 'position', stream: OF_EXECUTION },
  { table: 'projection_poison', column: 'position', stream: OF_EXECUTION },
  { table: 'projection_skipped', column: 'position', stream: OF_EXECUTION },
];
const LIVE: readonly PositionColumn[] = [
  { table: 'audit_leaves', column: 'moved_to', stream: 'held.stream' },
  { table: 'webhook_deliveries', column: 'position', stream: 'held.stream' },
];

const WEBHOOKS = 'webhooks';

export class PostgresPositionStore implements PositionStore {
  constructor(private readonly dataSource: DataSource) {}

  inTransaction<T>(work: (positions: StoredPositions) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(async (manager) => {
      // As long as the log is: a large table takes minutes.
      await manager.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0');
      await manager.query(
        `create temporary table present_places
           (stream text, revision bigint, position bigint not null, primary key (stream, revision)) on commit drop`,
      );
      return work(new PositionsInTransaction(manager));
    });
  }
}

class PositionsInTransaction implements StoredPositions {
  constructor(private readonly manager: EntityManager) {}

  async followers(): Promise<ReadonlyMap<string, bigint>> {
    const found = new Map<string, bigint>();
    for (const schema of await this.schemasWith('projection_checkpoints')) {
      const rows = await this.query<{ projection: string; position: string }>(
        `select projection, position from ${escapeIdentifier(schema)}.projection_checkpoints`,
      );
      for (const { projection, position } of rows) found.set(nameOf(schema, projection), BigInt(position));
    }
    const [cursor] = await this.query<{ position: string | null }>('select position from webhook_cursor');
    if (cursor?.position) found.set(WEBHOOKS, BigInt(cursor.position));
    return found;
  }

  async note(places: readonly PresentPlace[]): Promise<void> {
    if (places.length === 0) return;
    await this.query(
      `insert into present_places (stream, revision, position)
       select * from unnest($1::text[], $2::bigint[], $3::bigint[]) on conflict do nothing`,
      [
        places.map(({ stream }) => stream),
        places.map(({ revision }) => String(revision)),
        places.map(({ position }) => String(position)),
      ],
    );
  }

  async move(followers: ReadonlyMap<string, bigint | null>): Promise<void> {
    await this.query('analyze present_places');
    for (const column of LIVE) await this.replace(column, escapeIdentifier(column.table));
    for (const column of READ)
      for (const schema of await this.schemasWith(column.table))
        await this.replace(column, `${escapeIdentifier(schema)}.${escapeIdentifier(column.table)}`);
    for (const schema of await this.schemasWith('projection_checkpoints')) {
      const table = `${escapeIdentifier(schema)}.projection_checkpoints`;
      for (const { projection } of await this.query<{ projection: string }>(`select projection from ${table}`)) {
        const position = followers.get(nameOf(schema, projection)) ?? null;
        // Nothing that it follows was recorded before: it begins with the log.
        if (position === null) await this.query(`delete from ${table} where projection = $1`, [projection]);
        else
          await this.query(
            `update ${table} set position = $2, event_position = null, event_id = null where projection = $1`,
            [projection, String(position)],
          );
      }
    }
    const reached = followers.get(WEBHOOKS) ?? null;
    await this.query('update webhook_cursor set position = $1, event_position = null, event_id = null', [
      reached === null ? null : String(reached),
    ]);
    await this.query(
      `update projection_late as noted set position = reached.position
       from projection_checkpoints as reached where reached.projection = noted.projection`,
    );
  }

  private async replace({ column, stream }: PositionColumn, table: string): Promise<void> {
    await this.query(
      `update ${table} as held set ${column} = place.position from present_places as place
       where place.stream = ${stream} and place.revision = held.revision`,
    );
  }

  /** Where the table stands: live, while it is built, and after another took its place. */
  private async schemasWith(table: string): Promise<readonly string[]> {
    const [{ live }] = (await this.query<{ live: string }>('select current_schema() as live')) as [{ live: string }];
    const rows = await this.query<{ schema: string }>(
      `select schema from unnest($1::text[]) as schema where to_regclass(format('%I.%I', schema, $2::text)) is not null`,
      [Object.values(schemasOf(live)), table],
    );
    return rows.map(({ schema }) => schema);
  }

  private query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.manager.query<Row[]>(text, [...values]);
  }
}

const nameOf = (schema: string, projection: string): string => `${schema} ${projection}`;
