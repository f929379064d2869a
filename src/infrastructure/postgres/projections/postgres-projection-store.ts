import type { DataSource } from 'typeorm';
import { sleep, type Clock } from '../../../application/runtime/clock.js';
import {
  ProjectionStore,
  type Poison,
  type ProjectionCheckpoint as Checkpoint,
  type ProjectionLease,
} from '../../../application/projections/projection-store.js';
import { ProjectionCheckpoint, ProjectionPoison } from '../entities/projection.entities.js';
import type { OwnTransactions } from '../live/own-transactions.js';
import { PostgresProjectionSession } from './postgres-projection-session.js';
import { DEFAULT_LEASE_LIMITS, tryLease, type LeaseLimits } from '../session/lease.js';
import { checkpointsOf, poisonOf } from './postgres-live-rows.js';

const LEASE = { key: '7205113003', name: 'workflow-executor-projections', pipeline: true };
export const LEADER_LOCK = LEASE.key;
const RELIEF_PAUSE_MS = 10;

/** The key of an advisory lock is shown in two halves. */
const END_LEADER = `
  select pg_terminate_backend(pid) from pg_locks
  where locktype = 'advisory' and granted and objsubid = 1
    and database = (select oid from pg_database where datname = current_database())
    and classid = ($1::bigint >> 32)::oid and objid = ($1::bigint & 4294967295)::oid`;

/**
 * The leader writes on the connection that holds the advisory lock: when that is gone, so are the lock and the transaction, and
 * no two instances can write at once. The database itself ends a leader that stands still.
 */
export class PostgresProjectionStore extends ProjectionStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly limits: LeaseLimits = DEFAULT_LEASE_LIMITS,
    /** Tells this instance's clients of the rows that it writes. */
    private readonly own: OwnTransactions | null = null,
  ) {
    super();
  }

  async tryLead(): Promise<ProjectionLease | null> {
    const held = await tryLease(this.dataSource, LEASE, this.limits);
    return held && new PostgresProjectionSession(held, this.dataSource, this.own);
  }

  /**
   * Leads in the place of the present leader: the database ends that session, and its instance tries to lead again.
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
