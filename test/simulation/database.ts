/** Postgres as machines reach it: read tables, checkpoints and poison in transactions, heartbeats by its own clock. */
import { ArtifactStore, type StoredArtifact } from '../../src/application/workflow/artifacts.js';
import {
  ProjectionStore,
  type Poison,
  type ProjectionCheckpoint,
  type ProjectionLease,
  type ProjectionWrite,
} from '../../src/application/projections/projection-store.js';
import { type DueExecution, DueExecutions, Workers } from '../../src/application/workflow/workers.js';
import { failpoint } from '../../src/application/runtime/failpoint.js';
import { InMemoryArtifacts } from '../../src/testing/in-memory.artifacts.js';
import type { Happenings, Machine } from './machine.js';
import { ReadTables } from './read-tables.js';
import type { Timeline } from './timeline.js';

/** The default of WORKER_TIMEOUT_MS. */
const WORKER_TIMEOUT_MS = 15_000;

type Session = Readonly<{ machine: Machine; lost: AbortController }>;

export class Database {
  readonly tables = new ReadTables();
  readonly checkpoints = new Map<string, ProjectionCheckpoint>();
  readonly poison = new Map<string, Poison>();
  readonly heartbeats = new Map<string, number>();
  readonly artifacts = new InMemoryArtifacts();
  /** Violations by transactions, found as they happen. */
  readonly wrongs: string[] = [];
  isAway = false;
  private leader: Session | null = null;
  private readonly sessions: Session[] = [];

  constructor(
    readonly timeline: Timeline,
    readonly happenings: Happenings,
  ) {}

  mustBeThere(): void {
    if (this.isAway) throw new Error('The database is away');
  }

  goAway(): void {
    this.isAway = true;
    if (this.leader) this.drop(this.leader);
  }

  comeBack(): void {
    this.isAway = false;
  }

  lead(machine: Machine): Session | null {
    this.mustBeThere();
    // A machine whose connection has closed by now cannot hold the lock.
    if (this.leader || !machine.isAlive) return null;
    const session = { machine, lost: new AbortController() };
    this.leader = session;
    this.sessions.push(session);
    machine.onDeath(() => this.drop(session));
    return session;
  }

  drop(session: Session): void {
    if (this.leader === session) this.leader = null;
    session.machine.tell(() => session.lost.abort());
  }

  /**
   * Ends this world. Node keeps all listeners of a combined signal until one of its sources is aborted, and a dead machine
   * did not live to abort its own.
   */
  end(): void {
    for (const { lost } of this.sessions) lost.abort();
  }

  mustLead(session: Session): void {
    this.mustBeThere();
    if (this.leader !== session) throw new Error('The session is gone');
  }

  writeRows(writes: readonly ProjectionWrite[]): void {
    for (const { projection, changes, poisoned, healed } of writes) {
      for (const change of changes) this.tables.apply(projection, change);
      for (const executionId of healed) this.poison.delete(`${projection} ${executionId}`);
      for (const poison of poisoned) this.poison.set(`${projection} ${poison.executionId}`, poison);
    }
  }

  moveCheckpoints(writes: readonly ProjectionWrite[]): void {
    for (const { projection, checkpoint } of writes) {
      if (!checkpoint) continue;
      const present = this.checkpoints.get(projection);
      if (present && present.position >= checkpoint.position) continue;
      this.checkpoints.set(projection, checkpoint);
    }
  }

  isHeld(projection: string, executionId: string): boolean {
    return this.poison.has(`${projection} ${executionId}`);
  }
}

/** What one machine's connections to the database can do. */
export class DatabaseClient extends ProjectionStore {
  readonly workers: Workers;
  readonly due: DueExecutions;
  readonly artifacts: ArtifactStore;

  constructor(
    protected readonly database: Database,
    protected readonly machine: Machine,
  ) {
    super();
    this.workers = new SimulatedWorkers(database, machine);
    this.due = new SimulatedDueExecutions(database, machine);
    this.artifacts = new SimulatedArtifacts(database, machine);
  }

  async tryLead(): Promise<ProjectionLease | null> {
    const { machine, database } = this;
    const session = await machine.ask('lead', () => database.lead(machine));
    if (!session) return null;
    return {
      lost: session.lost.signal,
      apply: (writes) => this.commit(session, writes),
      close: () => machine.ask('close', () => database.drop(session)),
    };
  }

  checkpointsNow(): ReadonlyMap<string, ProjectionCheckpoint> {
    this.database.mustBeThere();
    return new Map(this.database.checkpoints);
  }

  checkpoints(): Promise<ReadonlyMap<string, ProjectionCheckpoint>> {
    return this.machine.ask('checkpoints', () => this.checkpointsNow());
  }

  poisoned(limit: number): Promise<readonly Poison[]> {
    return this.machine.ask('poisoned', () => {
      this.database.mustBeThere();
      return [...this.database.poison.values()].slice(0, limit);
    });
  }

  /** Atomic: a machine that dies before the commit has written nothing, a machine that dies after it everything. */
  protected async commit(session: Session, writes: readonly ProjectionWrite[]): Promise<void> {
    const { machine, database } = this;
    failpoint('inside-a-batch');
    await machine.ask('statements', () => database.mustLead(session));
    failpoint('before-commit');
    await machine.ask('commit', () => {
      database.mustLead(session);
      database.writeRows(writes);
      database.moveCheckpoints(writes);
      database.happenings.count('commit');
    });
    failpoint('after-commit');
  }
}

class SimulatedWorkers extends Workers {
  constructor(
    private readonly database: Database,
    private readonly machine: Machine,
  ) {
    super();
  }

  beat(worker: string): Promise<void> {
    return this.ask(() => void this.database.heartbeats.set(worker, this.database.timeline.now));
  }

  leave(worker: string): Promise<void> {
    return this.ask(() => void this.database.heartbeats.delete(worker));
  }

  alive(): Promise<ReadonlySet<string>> {
    const since = () => this.database.timeline.now - WORKER_TIMEOUT_MS;
    return this.ask(() => new Set([...this.database.heartbeats].flatMap(([id, at]) => (at > since() ? [id] : []))));
  }

  private ask<T>(serve: () => T): Promise<T> {
    return this.machine.ask('workers', () => {
      this.database.mustBeThere();
      return serve();
    });
  }
}

class SimulatedDueExecutions extends DueExecutions {
  constructor(
    private readonly database: Database,
    private readonly machine: Machine,
  ) {
    super();
  }

  find(now: Date, alive: ReadonlySet<string>, limit: number): Promise<readonly DueExecution[]> {
    return this.machine.ask('due', () => {
      this.database.mustBeThere();
      const rows = [...this.database.tables.rows('workflow_executions')] as {
        id: string;
        revision: string;
        next_action_at: Date | null;
        worker: string | null;
      }[];
      const isGone = (worker: string | null) => worker !== null && !alive.has(worker);
      return rows
        .filter(({ next_action_at: at, worker }) => at !== null && (at <= now || isGone(worker)))
        .sort((a, b) => a.next_action_at!.getTime() - b.next_action_at!.getTime() || (a.id < b.id ? -1 : 1))
        .slice(0, limit)
        .map(({ id, revision }) => ({ executionId: id, revision: BigInt(revision) }));
    });
  }
}

class SimulatedArtifacts extends ArtifactStore {
  constructor(
    private readonly database: Database,
    private readonly machine: Machine,
  ) {
    super();
  }

  put(content: Uint8Array, contentType: string): Promise<StoredArtifact> {
    return this.ask(() => this.database.artifacts.putNow(content, contentType));
  }

  get(sha256: string) {
    return this.ask(() => this.database.artifacts.stored.get(sha256) ?? null);
  }

  private ask<T>(serve: () => T): Promise<T> {
    return this.machine.ask('artifacts', () => {
      this.database.mustBeThere();
      this.database.happenings.count('artifact');
      return serve();
    });
  }
}
