/** Reads the database during the trial and after it. Survives the database's restarts. */
import pg from 'pg';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { groupBy, type Streams } from './check-world.js';

const REST = `
  select (select count(*) from workflow_executions
           where current_state not in ('completed', 'failed', 'cancelled', 'paused')) as moving,
         (select count(*) from workflow_steps s join workflow_executions e on e.id = s.execution_id
           where s.status = 'running' and e.current_state = 'paused') as draining,
         (select coalesce(max(position), 0) from eventstore.events) as last,
         (select coalesce(min(position), 0) from projection_checkpoints) as projected`;

export class Observer {
  private client: pg.Client | undefined;
  /** Checkpoints that moved back while Postgres ran. What it has not yet written when it is killed, rows and checkpoint together, may be gone. */
  readonly setbacks: string[] = [];
  private readonly checkpoints = new Map<string, bigint>();
  private startedAt = '';

  constructor(private readonly databaseUrl: string) {}

  /** Null while the database is away. */
  async query<Row extends object>(sql: string): Promise<Row[] | null> {
    try {
      if (!this.client) {
        const client = new pg.Client({ connectionString: this.databaseUrl, query_timeout: 30_000 });
        client.on('error', () => (this.client = undefined));
        await client.connect();
        this.client = client;
      }
      return (await this.client.query<Row>(sql)).rows;
    } catch {
      const { client } = this;
      this.client = undefined;
      await client?.end().catch(() => undefined);
      return null;
    }
  }

  async watchCheckpoints(): Promise<void> {
    const rows = await this.query<{ projection: string; position: string; last: string; started: string }>(
      `select projection, position, (select coalesce(max(position), 0) from eventstore.events) as last,
         pg_postmaster_start_time()::text as started
       from projection_checkpoints`,
    );
    for (const { projection, position, last, started } of rows ?? []) {
      if (started !== this.startedAt) this.checkpoints.clear();
      this.startedAt = started;
      const [before, now] = [this.checkpoints.get(projection) ?? 0n, BigInt(position)];
      if (now < before) this.setbacks.push(`${projection} went from ${before} back to ${now}`);
      if (now > BigInt(last)) this.setbacks.push(`${projection} is at ${now}, the log ends at ${last}`);
      this.checkpoints.set(projection, now);
    }
  }

  /** Undefined at rest; otherwise what still moves. */
  async unrest(): Promise<string | undefined> {
    const row = (await this.query<{ moving: string; draining: string; last: string; projected: string }>(REST))?.[0];
    if (!row) return 'the database is away';
    const { moving, draining, last, projected } = row;
    if (moving === '0' && draining === '0' && last === projected) return undefined;
    return `${moving} executions move, ${draining} paused ones drain, the tables are at ${projected} of ${last}`;
  }

  async streams(): Promise<Streams> {
    const rows = await this.query<Record<string, string> & { data: Buffer; metadata: Buffer }>(
      'select position, stream, revision, id, type, created, data, metadata from eventstore.events ' +
        "where stream like 'workflow-%' order by position",
    );
    if (!rows) throw new Error('The database is away');
    const events = rows.map(({ position, stream, revision, id, type, created, data, metadata }): RecordedEvent => ({
      ...{ id: id!, type: type!, stream: stream!, revision: BigInt(revision!), position: BigInt(position!) },
      recordedAt: new Date(Number(created)),
      data: JSON.parse(data.toString('utf8')) as unknown,
      metadata: JSON.parse(metadata.toString('utf8')) as unknown,
    }));
    return groupBy(events, ({ stream }) => stream.replace('workflow-', ''));
  }

  async close(): Promise<void> {
    await this.client?.end().catch(() => undefined);
  }
}
