import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import type { DataSource } from 'typeorm';
import type { RecordedEvent } from '../../../application/log/event-log.js';
import { CannotApply } from '../../../application/projections/projection-store.js';
import type { AnyRow } from '../../../application/projections/projection.js';
import type { BulkOrder, BulkPass, BulkWriter, EncodedRows } from '../../../application/rebuild/bulk-store.js';
import type { Touched } from '../../../application/rebuild/execution-fold.js';
import { ownerColumn, UUID } from '../projections/postgres-live-rows.js';
import { refusalOf } from '../projections/send-rows.js';
import { tableShape } from '../projections/row-statements.js';
import type { HeldConnection } from '../session/lease.js';
import { clearArea, exists, makeArea, type Schemas } from './areas.js';
import { copyRows, encodeRows } from './copy-rows.js';
import { addIndexes, createLike } from './swap-tables.js';

type PassRow = Readonly<{
  projection: string;
  rebuild_id: string;
  pass: string;
  in_order: BulkOrder;
  to_position: string;
  reached: string | null;
  is_read: boolean;
  events: string;
  build_ms: string;
  event_position: string | null;
  event_id: string | null;
  event_at: Date | null;
}>;

/** By projection. */
export const passesIn = async (client: pg.Client, area: string): Promise<ReadonlyMap<string, BulkPass>> => {
  if (!(await exists(client, area, 'bulk'))) return new Map();
  // Those that have begun first: what they left for later is taken before another pass leaves more.
  const { rows } = await client.query<PassRow>(
    `select * from ${escapeIdentifier(area)}.bulk order by reached is null, pass`,
  );
  return new Map(rows.map((row) => [row.projection, passOf(row)]));
};

const passOf = (row: PassRow): BulkPass => ({
  id: row.pass,
  order: row.in_order,
  to: BigInt(row.to_position),
  reached: row.reached,
  isRead: row.is_read,
  events: Number(row.events),
  buildMs: Number(row.build_ms),
  last:
    row.event_position !== null && row.event_id !== null && row.event_at !== null
      ? { position: BigInt(row.event_position), id: row.event_id, recordedAt: row.event_at }
      : null,
});

/** Memory for the sort of an index; another session has as much again. */
const INDEX_MEMORY = '128MB';
const SAVEPOINT = 'savepoint before_rows';
const UNIQUE_VIOLATION = '23505';

/** On a connection of its own, which is not in pipeline mode: a COPY cannot share it. */
export class PostgresBulkWriter implements BulkWriter {
  private readonly client: pg.Client;
  private readonly area: string;
  private isOpen = false;
  private hasSavepoint = false;

  constructor(
    private readonly held: HeldConnection,
    private readonly dataSource: DataSource,
    private readonly schemas: Schemas,
  ) {
    this.client = held.client;
    this.area = escapeIdentifier(schemas.shadow);
  }

  async encode(rows: ReadonlyMap<string, readonly AnyRow[]>): Promise<EncodedRows> {
    const encoded = new Map<string, readonly Uint8Array[]>();
    for (const [table, its] of rows) {
      try {
        encoded.set(table, await encodeRows(tableShape(this.dataSource, table), its));
      } catch (error) {
        throw refusalOf(table, error);
      }
    }
    return encoded;
  }

  add(pass: BulkPass, rows: EncodedRows, later: readonly RecordedEvent[]): Promise<void> {
    return this.held.inTurn(async (client) => {
      await this.open(SAVEPOINT);
      for (const [table, more] of rows) if (more.length > 0) await this.copy(table, more);
      if (later.length > 0) {
        await client.query(
          `insert into ${this.area}.later (pass, position, event)
           select $1, * from unnest($2::bigint[], $3::text[]) on conflict do nothing`,
          [pass.id, later.map(({ position }) => String(position)), later.map(asText)],
        );
      }
    });
  }

  reach(before: BulkPass, after: BulkPass): Promise<void> {
    return this.held.inTurn(async (client) => {
      await this.open();
      const { rowCount } = await client.query(
        `update ${this.area}.bulk set reached = $4, is_read = $5, events = $6, build_ms = $7,
           event_position = $8, event_id = $9, event_at = $10
         where pass = $1 and reached is not distinct from $2 and is_read = $3`,
        [
          ...[before.id, before.reached, before.isRead],
          ...[after.reached, after.isRead, after.events, Math.round(after.buildMs)],
          ...[after.last && String(after.last.position), after.last?.id, after.last?.recordedAt],
        ],
      );
      if (!rowCount) throw new Error('Expected to go on with a rebuild in bulk; another builder has gone on with it');
      await client.query('commit');
      this.isOpen = false;
    });
  }

  async addIndexes(projections: readonly string[]): Promise<boolean> {
    const { live, shadow } = this.schemas;
    try {
      for (const table of projections) {
        await this.inTransaction(async (client) => {
          const target = { schema: shadow, table };
          if (await hasIndexes(client, target)) return;
          await client.query(`set local maintenance_work_mem = '${INDEX_MEMORY}'`);
          await addIndexes(client, { schema: live, table }, target);
        });
      }
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code === UNIQUE_VIOLATION) return false;
      throw error;
    }
  }

  later(pass: BulkPass, after: bigint | 'start', limit: number): Promise<readonly RecordedEvent[]> {
    return this.held.inTurn(async (client) => {
      const { rows } = await client.query<{ event: string }>(
        `select event from ${this.area}.later where pass = $1 and position > $2 order by position limit $3`,
        [pass.id, after === 'start' ? '-1' : String(after), limit],
      );
      return rows.map(({ event }) => fromText(event));
    });
  }

  areOfOthers(projection: string, rows: readonly Touched[]): Promise<boolean> {
    return this.held.inTurn(async (client) => {
      const shape = tableShape(this.dataSource, projection);
      const isUuid = (column: string) => shape.columns.get(column)?.type === 'uuid';
      // Nothing else can be in such a column.
      const possible = rows.filter(({ key }) =>
        shape.primaryKey.every((column) => column in key && (!isUuid(column) || UUID.test(String(key[column])))),
      );
      if (possible.length === 0) return false;
      const columns = shape.primaryKey.map((column) => escapeIdentifier(column));
      const types = shape.primaryKey.map((column) => shape.columns.get(column)!.type);
      const { rowCount } = await client.query(
        `select from ${this.area}.${escapeIdentifier(projection)} t
         join unnest($1::text[], ${types.map((type, index) => `$${index + 2}::${type}[]`).join(', ')})
           as v(execution, ${columns.join(', ')}) using (${columns.join(', ')})
         where t.${escapeIdentifier(ownerColumn(shape))}::text <> v.execution limit 1`,
        [
          possible.map(({ executionId }) => executionId),
          ...shape.primaryKey.map((column) => possible.map(({ key }) => String(key[column]))),
        ],
      );
      return Boolean(rowCount);
    });
  }

  finish(pass: BulkPass, versions: ReadonlyMap<string, number>): Promise<void> {
    return this.inTransaction(async (client) => {
      const { rows } = await this.endPass(pass);
      for (const { projection, rebuild_id, events, build_ms, ...row } of rows) {
        await client.query(
          `insert into ${this.area}.rebuilds (projection, rebuild_id, events, build_ms) values ($1, $2, $3, $4)`,
          [projection, rebuild_id, events, build_ms],
        );
        await client.query(
          `insert into ${this.area}.projection_checkpoints
             (projection, position, last_event_at, version, events, event_position, event_id, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
           on conflict (projection) do update set
             position = excluded.position, last_event_at = excluded.last_event_at, updated_at = excluded.updated_at,
             events = excluded.events, event_position = excluded.event_position, event_id = excluded.event_id`,
          [
            ...[projection, row.to_position, row.event_at, versions.get(projection)],
            ...[events, row.event_position, row.event_id],
          ],
        );
      }
    });
  }

  giveUp(pass: BulkPass): Promise<void> {
    const { live, shadow } = this.schemas;
    return this.inTransaction(async (client) => {
      const { rows } = await this.endPass(pass);
      for (const { projection: table, rebuild_id } of rows) {
        await clearArea(client, shadow, table);
        await makeArea(client, this.schemas, shadow);
        await createLike(client, { schema: live, table }, { schema: shadow, table });
        await client.query(`insert into ${this.area}.rebuilds (projection, rebuild_id) values ($1, $2)`, [
          table,
          rebuild_id,
        ]);
      }
    });
  }

  close(): Promise<void> {
    return this.held.close();
  }

  /** Of the tables that are not abandoned yet. */
  private async endPass(pass: BulkPass) {
    const ended = await this.client.query<PassRow>(`delete from ${this.area}.bulk where pass = $1 returning *`, [
      pass.id,
    ]);
    if (!ended.rowCount) throw new Error('Expected to end a rebuild in bulk; another builder has ended it');
    await this.client.query(`delete from ${this.area}.later where pass = $1`, [pass.id]);
    return ended;
  }

  private async copy(table: string, rows: readonly Uint8Array[]): Promise<void> {
    const { client } = this;
    try {
      await copyRows(client, this.schemas.shadow, tableShape(this.dataSource, table), rows);
    } catch (error) {
      const refusal = refusalOf(table, error);
      if (refusal instanceof CannotApply) await client.query('rollback to savepoint before_rows');
      throw refusal;
    }
  }

  /** A transaction, where none is open, and then that savepoint, in place of the one before it. */
  private async open(savepoint?: typeof SAVEPOINT): Promise<void> {
    // What a crash of the database takes back, rows and place together, is taken from the log again.
    const begin = this.isOpen ? [] : ['begin', 'set local synchronous_commit = off'];
    const before = this.isOpen && this.hasSavepoint ? ['release savepoint before_rows'] : [];
    const statements = [...begin, ...(savepoint ? [...before, savepoint] : [])];
    if (statements.length > 0) await this.client.query(statements.join('; '));
    this.isOpen = true;
    this.hasSavepoint = savepoint !== undefined;
  }

  private inTransaction(work: (client: pg.Client) => Promise<void>): Promise<void> {
    return this.held.inTurn(async (client) => {
      await this.open();
      try {
        await work(client);
        await client.query('commit');
      } catch (error) {
        await client.query('rollback').catch(() => this.close());
        throw error;
      } finally {
        this.isOpen = false;
      }
    });
  }
}

const hasIndexes = async (client: pg.Client, { schema, table }: { schema: string; table: string }) => {
  const { rowCount } = await client.query('select from pg_index where indrelid = $1::regclass', [
    `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`,
  ]);
  return Boolean(rowCount);
};

/** With all that it has: it is read back as it was. */
const asText = (event: RecordedEvent): string => {
  const { revision, position, movedFrom } = event;
  const moved = movedFrom === undefined ? {} : { movedFrom: String(movedFrom) };
  return JSON.stringify(Object.assign({}, event, { revision: String(revision), position: String(position) }, moved));
};

const fromText = (text: string): RecordedEvent => {
  type Text = Omit<RecordedEvent, 'revision' | 'position' | 'recordedAt' | 'movedFrom'> &
    Readonly<{ revision: string; position: string; recordedAt: string; movedFrom?: string }>;
  const { revision, position, recordedAt, movedFrom, ...same } = JSON.parse(text) as Text;
  const moved = movedFrom === undefined ? {} : { movedFrom: BigInt(movedFrom) };
  const read = { revision: BigInt(revision), position: BigInt(position), recordedAt: new Date(recordedAt) };
  return Object.assign({}, same, read, moved);
};
