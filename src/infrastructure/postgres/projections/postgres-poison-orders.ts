import { IsNull, type DataSource } from 'typeorm';
import {
  PoisonOrders,
  type PlacedOrder,
  type PoisonOrder,
} from '../../../application/projections/admin/poison-orders.js';
import { ProjectionOrder } from '../entities/projection-order.entity.js';

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
