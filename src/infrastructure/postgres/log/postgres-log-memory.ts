import type { DataSource } from 'typeorm';
import { LogMemory, type RememberedLog } from '../../../application/log/log-identity.js';

type Row = Readonly<{
  follower: string;
  position: string | null;
  event_position: string | null;
  event_id: string | null;
}>;

/** One statement, and as many rows as there are followers. The first is the log's own: its id stands as that of an event. */
const READ = `
  select '' as follower, null::bigint as position, null::bigint as event_position,
    (select log_id::text from log_identity) as event_id
  union all
  select projection, position, event_position, event_id from projection_checkpoints
  union all
  select 'the queue of webhooks', position, event_position, event_id from webhook_cursor where position is not null
  union all
  (select 'the audit tree', coalesce(moved_to, position), coalesce(moved_to, position), event_id::text
   from audit_leaves order by index desc limit 1)`;

/** The places are those that the followers store with what they write: nothing is written here but the log's id. */
export class PostgresLogMemory extends LogMemory {
  constructor(private readonly dataSource: Pick<DataSource, 'query'>) {
    super();
  }

  async read(): Promise<RememberedLog> {
    const rows: Row[] = await this.dataSource.query(READ);
    const places = rows.flatMap(({ follower, position, event_position, event_id }) => {
      if (position === null) return [];
      const lastEvent =
        event_position !== null && event_id !== null ? { position: BigInt(event_position), id: event_id } : null;
      return [{ follower, position: BigInt(position), lastEvent }];
    });
    return { logId: rows.find(({ position }) => position === null)?.event_id ?? null, places };
  }

  async bind(logId: string): Promise<void> {
    await this.dataSource.query(
      `insert into log_identity (id, log_id, bound_at) values (1, $1, clock_timestamp()) on conflict do nothing`,
      [logId],
    );
  }
}
