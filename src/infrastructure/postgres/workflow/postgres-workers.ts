import type { DataSource } from 'typeorm';
import { Workers, DueExecutions, type DueExecution } from '../../../application/workflow/workers.js';

/** Signs of life by the database's clock, so that instances need not agree on the time. */
export class PostgresWorkers extends Workers {
  /** @param timeoutMs a worker that was silent for longer is not alive */
  constructor(
    private readonly dataSource: DataSource,
    private readonly timeoutMs: number,
  ) {
    super();
  }

  /** Forgets, by the way, those that have been silent for a day. */
  async beat(worker: string): Promise<void> {
    await this.dataSource.query(
      `with forgotten as (delete from workers where heartbeat_at < now() - interval '1 day' and id <> $1)
       insert into workers (id, heartbeat_at) values ($1, now())
       on conflict (id) do update set heartbeat_at = excluded.heartbeat_at`,
      [worker],
    );
  }

  async leave(worker: string): Promise<void> {
    await this.dataSource.query('delete from workers where id = $1', [worker]);
  }

  async alive(): Promise<ReadonlySet<string>> {
    const rows: { id: string }[] = await this.dataSource.query(
      `select id from workers where heartbeat_at > now() - $1::float8 * interval '1 millisecond'`,
      [this.timeoutMs],
    );
    return new Set(rows.map(({ id }) => id));
  }
}

/** Nothing can be done for an execution whose history is damaged, so it is not due. */
export const NOT_HELD_BACK =
  'not exists (select from damaged_histories where execution_id = workflow_executions.id::text)';

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
    const question = `select id, next_action_at, revision from workflow_executions where next_action_at is not null and ${NOT_HELD_BACK} and ${condition}`;
    return this.dataSource.query(question, parameters);
  }
}
