import type { DataSource } from 'typeorm';
import { DueExecutions } from '../../application/workers.js';

/** A running step always has a next action, its deadline: so the partial index holds all that can be due. */
export class PostgresDueExecutions extends DueExecutions {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  /** Longest due first. */
  async find(now: Date, alive: ReadonlySet<string>, limit: number): Promise<readonly string[]> {
    const rows: { id: string }[] = await this.dataSource.query(
      `select id from workflow_executions
       where next_action_at is not null
         and (next_action_at <= $1 or (worker is not null and worker <> all($2::text[])))
       order by next_action_at, id limit $3`,
      [now.toISOString(), [...alive], limit],
    );
    return rows.map(({ id }) => id);
  }
}
