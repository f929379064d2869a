import type { DataSource } from 'typeorm';
import { WaitingExecutions } from '../../../application/workflow/start-backlog.js';

/** $1: now, $2: the limit. */
export const WAITING = `select count(*)::integer as count from (
  select from workflow_executions
  where next_action_at is not null and next_action_at <= $1 and worker is null
  limit $2) as waiting`;

/** Reads the partial index of what is owed something, from its oldest end, and not beyond the limit. */
export class PostgresWaitingExecutions extends WaitingExecutions {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async count(now: Date, limit: number): Promise<number> {
    const rows: { count: number }[] = await this.dataSource.query(WAITING, [now.toISOString(), limit]);
    return rows[0]?.count ?? 0;
  }
}
