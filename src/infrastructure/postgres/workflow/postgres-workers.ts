import type { DataSource } from 'typeorm';
import { Workers } from '../../../application/workflow/workers.js';

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
