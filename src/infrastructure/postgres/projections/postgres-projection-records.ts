import { type DataSource, IsNull } from 'typeorm';
import {
  ProjectionRecords,
  type Drift,
  type HeldBack,
  type ProjectionRecord,
  PoisonOrders,
  type PlacedOrder,
  type PoisonOrder,
} from '../../../application/projections/admin/projection-records.js';
import type { Poison, SkippedEvent } from '../../../application/projections/projection-store.js';
import {
  ProjectionCheckpoint,
  ProjectionDrift,
  ProjectionPoison,
  ProjectionSkipped,
  ProjectionOrder,
} from '../entities/projection.entities.js';
import { LEADER_LOCK } from './postgres-projection-store.js';
import { poisonOf } from './postgres-live-rows.js';

export class PostgresProjectionRecords extends ProjectionRecords {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async all(): Promise<readonly ProjectionRecord[]> {
    const rows = await this.dataSource.getRepository(ProjectionCheckpoint).find();
    return rows.map((row) => ({
      projection: row.projection,
      position: BigInt(row.position),
      lastEventAt: row.last_event_at,
      updatedAt: row.updated_at,
      events: BigInt(row.events),
      version: row.version,
      rebuildId: row.rebuild_id,
    }));
  }

  /** Postgres shows a lock of 64 bits as two halves. */
  async isLed(): Promise<boolean> {
    const rows: unknown[] = await this.dataSource.query(
      `select from pg_locks join pg_database on pg_database.oid = pg_locks.database
       where locktype = 'advisory' and objsubid = 1 and granted and datname = current_database()
         and classid::bigint = $1::bigint >> 32 and objid::bigint = $1::bigint & 4294967295`,
      [LEADER_LOCK],
    );
    return rows.length > 0;
  }

  async counts(): Promise<ReadonlyMap<string, HeldBack>> {
    const rows: Readonly<{ projection: string; kind: keyof HeldBack; count: number }>[] = await this.dataSource.query(
      `select projection, 'poisoned' as kind, count(*)::int from projection_poison group by projection
       union all select projection, 'skipped', count(*)::int from projection_skipped group by projection
       union all select projection, 'drifted', count(*)::int from projection_drift group by projection`,
    );
    const found = new Map<string, HeldBack>();
    for (const { projection, kind, count } of rows)
      found.set(projection, { ...(found.get(projection) ?? NONE), [kind]: count });
    return found;
  }

  async poisoned(projection: string, limit: number): Promise<readonly Poison[]> {
    const order = { at: 'ASC', execution_id: 'ASC' } as const;
    const poison = this.dataSource.getRepository(ProjectionPoison);
    return poisonOf(await poison.find({ where: { projection }, order, take: limit }));
  }

  async poison(projection: string, executionId: string): Promise<Poison | null> {
    const poison = this.dataSource.getRepository(ProjectionPoison);
    return poisonOf(await poison.findBy({ projection, execution_id: executionId }))[0] ?? null;
  }

  async skipped(projection: string, limit: number): Promise<readonly SkippedEvent[]> {
    const rows = await this.dataSource
      .getRepository(ProjectionSkipped)
      .find({ where: { projection }, order: { at: 'DESC', revision: 'DESC' }, take: limit });
    return rows.map((row) => ({ ...poisonOf([row])[0]!, actor: row.actor, reason: row.reason }));
  }

  async drifted(projection: string, limit: number): Promise<readonly Drift[]> {
    const rows = await this.dataSource
      .getRepository(ProjectionDrift)
      .find({ where: { projection }, order: { found_at: 'DESC', execution_id: 'ASC' }, take: limit });
    return rows.map((row) => ({
      projection,
      executionId: row.execution_id,
      position: BigInt(row.position),
      differences: row.differences,
      samples: row.samples,
      foundAt: row.found_at,
    }));
  }

  async compared(projection: string, executionId: string, drift: Drift | null): Promise<void> {
    if (!drift) {
      await this.dataSource.query('delete from projection_drift where projection = $1 and execution_id = $2', [
        projection,
        executionId,
      ]);
      return;
    }
    const { position, differences, samples, foundAt } = drift;
    await this.dataSource.query(
      `insert into projection_drift (projection, execution_id, position, differences, samples, found_at)
       values ($1, $2, $3, $4, $5, $6) on conflict (projection, execution_id) do update set
         position = excluded.position, differences = excluded.differences, samples = excluded.samples`,
      [projection, executionId, String(position), differences, JSON.stringify(samples), foundAt],
    );
  }
}

const NONE: HeldBack = { poisoned: 0, skipped: 0, drifted: 0 };

export class PostgresPoisonOrders extends PoisonOrders {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async place(order: PoisonOrder): Promise<void> {
    const { id, projection, executionId, action, revision, actor, reason, placedAt } = order;
    await this.dataSource.query(
      `insert into projection_orders (id, projection, execution_id, action, revision, actor, reason, placed_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing`,
      [id, projection, executionId, action, String(revision), JSON.stringify(actor), reason, placedAt],
    );
  }

  async find(id: string): Promise<PlacedOrder | null> {
    const row = await this.rows.findOneBy({ id });
    return row && placed(row);
  }

  async pending(limit: number): Promise<readonly PoisonOrder[]> {
    const rows = await this.rows.find({ where: { done_at: IsNull() }, order: { placed_at: 'ASC' }, take: limit });
    return rows.map(placed);
  }

  async done(id: string, outcome: string): Promise<void> {
    await this.dataSource.query(
      'update projection_orders set done_at = clock_timestamp(), outcome = $2 where id = $1 and done_at is null',
      [id, outcome],
    );
  }

  async latest(projection: string, limit: number): Promise<readonly PlacedOrder[]> {
    return (await this.rows.find({ where: { projection }, order: { placed_at: 'DESC' }, take: limit })).map(placed);
  }

  private get rows() {
    return this.dataSource.getRepository(ProjectionOrder);
  }
}

const placed = (row: ProjectionOrder): PlacedOrder => ({
  id: row.id,
  projection: row.projection,
  executionId: row.execution_id,
  action: row.action,
  revision: BigInt(row.revision),
  actor: row.actor,
  reason: row.reason,
  placedAt: row.placed_at,
  doneAt: row.done_at,
  outcome: row.outcome,
});
