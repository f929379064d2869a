import { PgClient } from '../session/pg-client.js';
import type { DataSource } from 'typeorm';
import { sleep, type Clock } from '../../../application/runtime/clock.js';
import {
  ProjectionStore,
  type Poison,
  type ProjectionCheckpoint as Checkpoint,
  type ProjectionLease,
} from '../../../application/projections/projection-store.js';
import { ProjectionCheckpoint, ProjectionPoison } from '../entities/projection.entities.js';
import { PostgresProjectionSession } from './postgres-projection-session.js';
import { tryLeadOn } from '../session/try-lead.js';
import { checkpointsOf, poisonOf } from './postgres-live-rows.js';

export const LEADER_LOCK = '7205113003';
const RELIEF_PAUSE_MS = 10;

/** The key of an advisory lock is shown in two halves. */
const END_LEADER = `
  select pg_terminate_backend(pid) from pg_locks
  where locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and classid = ($1::bigint >> 32)::oid and objid = ($1::bigint & 4294967295)::oid`;

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
 */
export class PostgresProjectionStore extends ProjectionStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: ProjectionStoreLimits = DEFAULT_LIMITS,
  ) {
    super();
  }

  async tryLead(): Promise<ProjectionLease | null> {
    const { options } = this.dataSource;
    if (options.type !== 'postgres') throw new Error(`Expected a data source of type postgres, got ${options.type}`);
    const client = new PgClient({
      connectionString: options.url,
      application_name: 'workflow-executor-projections',
      connectionTimeoutMillis: this.limits.connectTimeoutMs,
      query_timeout: this.limits.statementTimeoutMs + 1_000,
      keepAlive: true,
      pipeline: true,
    });
    const session = new PostgresProjectionSession(client, this.dataSource, this.limits.silenceMs / 4);
    return tryLeadOn(client, session, LEADER_LOCK, this.limits);
  }

  /**
   * Leads in the place of whoever does: their session is ended by the database, and they begin anew when this one is over.
   * @throws when that did not succeed in `withinMs`
   */
  async takeLead(clock: Clock, withinMs: number): Promise<ProjectionLease> {
    const until = clock.now().getTime() + withinMs;
    for (;;) {
      const session = await this.tryLead();
      if (session) return session;
      await this.dataSource.query(END_LEADER, [LEADER_LOCK]);
      if (clock.now().getTime() >= until) {
        throw new Error(`The projections' leader could not be relieved within ${withinMs} ms; it is tried again later`);
      }
      await sleep(clock, RELIEF_PAUSE_MS);
    }
  }

  async checkpoints(): Promise<ReadonlyMap<string, Checkpoint>> {
    return checkpointsOf(await this.dataSource.getRepository(ProjectionCheckpoint).find());
  }

  async poisoned(limit: number): Promise<readonly Poison[]> {
    const order = { at: 'ASC', projection: 'ASC', execution_id: 'ASC' } as const;
    return poisonOf(await this.dataSource.getRepository(ProjectionPoison).find({ order, take: limit }));
  }
}
