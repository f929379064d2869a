import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import { ownClient, setTimes } from '../session/pg-client.js';
import type { DataSource } from 'typeorm';
import type { Clock } from '../../../application/runtime/clock.js';
import {
  type RebuildStore,
  type Area,
  type BuildProgress,
  type LiveTable,
  type RebuildSession,
} from '../../../application/rebuild/rebuild-store.js';
import type { PostgresProjectionStore } from '../projections/postgres-projection-store.js';
import { tryLease } from '../session/lease.js';
import { exists, schemasAt } from './areas.js';
import {
  PostgresRebuildSession,
  DEFAULT_REBUILD_STORE_LIMITS,
  type RebuildStoreLimits,
} from './postgres-rebuild-session.js';

const LEASE = { key: '7205113005', name: 'workflow-executor-rebuild', pipeline: true, mayBeSilent: true };
const UNDEFINED_TABLE = '42P01';

type ProgressRow = Readonly<{
  projection: string;
  rebuild_id: string;
  position: string | null;
  events: string;
  build_ms: string;
}>;

/** A pass by stream is at no position: it is shown at that of a pass in the order of the log that has as many events. */
const inBulk = (schema: string): string => `
  union all select projection, rebuild_id, floor(to_position * least(1, events::numeric / greatest(total, 1)))::bigint, events, build_ms
  from ${schema}.bulk`;

/** None of what was swapped or dropped between the look whether it is there and the look at it. */
const whereItIs = (error: Error & { code?: string }): ProgressRow[] => {
  if (error.code === UNDEFINED_TABLE) return [];
  throw error;
};

/** The instance that builds holds the advisory lock. */
export class PostgresRebuildStore implements RebuildStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly projections: PostgresProjectionStore,
    private readonly clock: Clock,
    private readonly limits: RebuildStoreLimits = DEFAULT_REBUILD_STORE_LIMITS,
  ) {}

  async tryBuild(): Promise<RebuildSession | null> {
    const { dataSource, limits, clock } = this;
    const schemas = await schemasAt(this.asClient());
    const held = await tryLease(dataSource, LEASE, limits);
    if (!held) return null;
    const connect = (pipeline = true) => this.connect('workflow-executor-rebuild-rows', pipeline);
    const takeLead = () => this.projections.takeLead(clock, limits.leadWaitMs);
    return new PostgresRebuildSession(held, { dataSource, schemas, connect, takeLead, clock, limits });
  }

  async live(): Promise<ReadonlyMap<string, LiveTable>> {
    const rows: { projection: string; version: number; rebuild_id: string | null; position: string }[] =
      await this.dataSource.query('select projection, version, rebuild_id, position from projection_checkpoints');
    return new Map(
      rows.map(({ projection, version, rebuild_id, position }) => [
        projection,
        { version, rebuildId: rebuild_id, position: BigInt(position) },
      ]),
    );
  }

  async progress(area: Area): Promise<ReadonlyMap<string, BuildProgress>> {
    const schemas = await schemasAt(this.asClient());
    const schema = schemas[area];
    if (!(await exists(this.asClient(), schema, 'rebuilds'))) return new Map();
    const asked: Promise<ProgressRow[]> = this.dataSource.query(
      `select projection, made.rebuild_id, reached.position, made.events, made.build_ms
       from ${escapeIdentifier(schema)}.rebuilds made
       left join ${escapeIdentifier(schema)}.projection_checkpoints reached using (projection)
       ${(await exists(this.asClient(), schema, 'bulk')) ? inBulk(escapeIdentifier(schema)) : ''}`,
    );
    const rows = await asked.catch(whereItIs);
    return new Map(
      rows.map((row) => [
        row.projection,
        {
          rebuildId: row.rebuild_id,
          position: row.position === null ? null : BigInt(row.position),
          events: Number(row.events),
          buildMs: Number(row.build_ms),
        },
      ]),
    );
  }

  private asClient() {
    const query = async (text: string, values?: unknown[]) => {
      const rows: unknown = await this.dataSource.query(text, values);
      return { rows };
    };
    return { query } as unknown as Pick<pg.Client, 'query'>;
  }

  private async connect(name: string, pipeline: boolean): Promise<pg.Client> {
    const client = ownClient(this.dataSource, name, {
      connectionTimeoutMillis: this.limits.connectTimeoutMs,
      query_timeout: this.limits.statementTimeoutMs + 1_000,
      pipeline,
    });
    // The next statement fails as well; without a listener the error would end the process.
    client.on('error', () => undefined);
    await client.connect();
    await setTimes(client, { statement: this.limits.statementTimeoutMs });
    return client;
  }
}
