import pg from 'pg';
import type { DataSource } from 'typeorm';
import {
  ProjectionStore,
  type Poison,
  type ProjectionCheckpoint as Checkpoint,
  type ProjectionSession,
} from '../../application/projections/projection-store.js';
import { ProjectionCheckpoint } from './entities/projection-checkpoint.entity.js';
import { ProjectionPoison } from './entities/projection-poison.entity.js';
import { PostgresProjectionSession } from './postgres-projection-session.js';

const LEADER_LOCK = '7205113003';

export type ProjectionStoreLimits = Readonly<{
  connectTimeoutMs: number;
  /** After which a statement counts as failed and its connection as lost. */
  statementTimeoutMs: number;
  /** A leader that the database has not heard of for longer loses its connection: another may lead. */
  silenceMs: number;
}>;

const DEFAULT_LIMITS: ProjectionStoreLimits = {
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 60_000,
  silenceMs: 8_000,
};

/**
 * The leader is who holds a session advisory lock. It writes on the connection that holds it: when that is gone, so are
 * the lock and the transaction, and no two can write at once. A leader that stands still is ended by the database itself.
 * (Needs a session: not behind a transaction pooler.)
 */
export class PostgresProjectionStore extends ProjectionStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: ProjectionStoreLimits = DEFAULT_LIMITS,
  ) {
    super();
  }

  async tryLead(): Promise<ProjectionSession | null> {
    const { options } = this.dataSource;
    if (options.type !== 'postgres') throw new Error(`Expected a data source of type postgres, got ${options.type}`);
    const client = new pg.Client({
      connectionString: options.url,
      application_name: 'workflow-executor-projections',
      connectionTimeoutMillis: this.limits.connectTimeoutMs,
      statement_timeout: this.limits.statementTimeoutMs,
      query_timeout: this.limits.statementTimeoutMs + 1_000,
      idle_in_transaction_session_timeout: this.limits.silenceMs,
      keepAlive: true,
    });
    const session = new PostgresProjectionSession(client, this.dataSource, this.limits.silenceMs / 4);
    try {
      await client.connect();
      await client.query(`select set_config('idle_session_timeout', $1, false)`, [String(this.limits.silenceMs)]);
      const { rows } = await client.query<{ leads: boolean }>('select pg_try_advisory_lock($1) as leads', [
        LEADER_LOCK,
      ]);
      if (rows[0]?.leads) return session;
    } catch (error) {
      await session.close();
      throw error;
    }
    await session.close();
    return null;
  }

  async checkpoints(): Promise<ReadonlyMap<string, Checkpoint>> {
    const rows = await this.dataSource.getRepository(ProjectionCheckpoint).find();
    return new Map(
      rows.map((row) => [row.projection, { position: BigInt(row.position), lastEventAt: row.last_event_at }]),
    );
  }

  async poisoned(limit: number): Promise<readonly Poison[]> {
    const rows = await this.dataSource
      .getRepository(ProjectionPoison)
      .find({ order: { at: 'ASC', projection: 'ASC', execution_id: 'ASC' }, take: limit });
    return rows.map((row) => ({
      projection: row.projection,
      executionId: row.execution_id,
      position: BigInt(row.position),
      revision: BigInt(row.revision),
      eventId: row.event_id,
      error: row.error,
      at: row.at,
    }));
  }
}
