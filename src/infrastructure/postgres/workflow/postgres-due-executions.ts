import type { DataSource } from 'typeorm';
import { DueExecutions, type DueExecution } from '../../../application/workflow/workers.js';

type Row = Readonly<{ id: string; next_action_at: Date; revision: string }>;

/**
 * A running step always has a next action, its deadline: so the partial index holds all that can be due. What is due and
 * cannot move, because its agent is held or full, stays due: so each call goes on where the last one ended, and begins
 * anew at the end.
 */
export class PostgresDueExecutions extends DueExecutions {
  private last: Row | null = null;

  constructor(private readonly dataSource: DataSource) {
    super();
  }

  /** Those of a worker that is gone come before what is merely due; then longest due first. */
  async find(now: Date, alive: ReadonlySet<string>, limit: number): Promise<readonly DueExecution[]> {
    const lost = await this.rows(
      `worker is not null and worker <> all($1::text[]) order by next_action_at, id limit $2`,
      [[...alive], limit],
    );
    const due = await this.rows(
      `next_action_at <= $1 and (worker is null or worker = any($2::text[]))
         and ($3::timestamptz is null or (next_action_at, id) > ($3::timestamptz, $4::uuid))
       order by next_action_at, id limit $5`,
      [now, [...alive], this.last?.next_action_at ?? null, this.last?.id ?? null, limit - lost.length],
    );
    this.last = lost.length + due.length < limit ? null : (due.at(-1) ?? this.last);
    return [...lost, ...due].map(({ id, revision }) => ({ executionId: id, revision: BigInt(revision) }));
  }

  private rows(condition: string, parameters: unknown[]): Promise<Row[]> {
    const question = `select id, next_action_at, revision from workflow_executions where next_action_at is not null and ${condition}`;
    return this.dataSource.query(question, parameters);
  }
}
