import type { DataSource, EntityManager } from 'typeorm';
import {
  type LiveEvent,
  type StreamFilter,
  LiveSource,
  type ManySnapshot,
  type HighWaterMark,
  type LastKnownState,
} from '../../../application/live/live-source.js';
import type { EventView } from '../../../application/queries/read-model.js';
import { whereInScope } from '../access/in-scope.js';
import { toCursor } from '../queries/postgres-read-model.js';
import { WorkflowExecution } from '../entities/workflow.entities.js';
import { inSnapshot } from '../queries/snapshot.js';

/** The last row, not the checkpoint: that has also passed events that are held back, whose rows are still to come. */
const REACH = `
  select coalesce((select max(position) from workflow_events), 0) as reach_position, late.position as late_at,
    coalesce(late.late, 0) as late, coalesce(late.exchanged, 0) as exchanged
  from (values ('workflow_events')) as events(projection)
  left join projection_late late using (projection)`;

/** Events with what their row does not say: for each its execution's project, and the state before it. */
const frameQuery = (events: string): string => `
  select event.*, execution.project_id, earlier.current_state as previous_state
  from (${events}) as event
  left join workflow_executions execution on execution.id = event.execution_id
  left join lateral (
    select current_state from workflow_events before
    where before.execution_id = event.execution_id and before.revision < event.revision
      and before.current_state is not null
    order by before.revision desc limit 1) as earlier on true`;

const AFTER = `
  with reach as (${REACH})
  select * from reach left join (
    ${frameQuery('select * from workflow_events where position > $1 order by position limit $2')}
  ) as events on true
  order by events.position`;

const OF_EXECUTION = `
  ${frameQuery('select * from workflow_events where execution_id = $1 and position > $2 order by revision limit $3')}
  order by event.revision`;

const BEFORE = `
  select execution.project_id, earlier.current_state as state, latest.revision
  from unnest($1::uuid[], $2::bigint[]) with ordinality as event(execution_id, revision, place)
  left join workflow_executions execution on execution.id = event.execution_id
  left join lateral (
    select current_state from workflow_events before
    where before.execution_id = event.execution_id and before.revision < event.revision
      and before.current_state is not null
    order by before.revision desc limit 1) as earlier on true
  left join lateral (
    select max(before.revision) as revision from workflow_events before
    where before.execution_id = event.execution_id and before.revision < event.revision) as latest on true
  order by event.place`;

type ReachRow = Readonly<{ reach_position: string; late_at: string | null; late: string; exchanged: string }>;
type EventRow = EventView & Readonly<{ project_id: string | null; previous_state: string | null }>;
type StandingRow = Readonly<{ project_id: string | null; state: string | null; revision: string | null }>;

export class PostgresLiveSource extends LiveSource {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async highWaterMark(): Promise<HighWaterMark> {
    return reachIn(this.dataSource.manager);
  }

  async after(position: bigint, limit: number) {
    const rows = await this.dataSource.query<(ReachRow & (EventRow | { id: null }))[]>(AFTER, [
      String(position),
      limit,
    ]);
    const events = rows.flatMap(({ reach_position: _, late_at: _at, late: _late, exchanged: _exchanged, ...row }) =>
      row.id === null ? [] : [liveEvent(row)],
    );
    return { events, highWaterMark: reachOf(rows[0]!) };
  }

  async ofExecution(executionId: string, after: bigint, limit: number): Promise<readonly LiveEvent[]> {
    const rows = await this.dataSource.query<EventRow[]>(OF_EXECUTION, [executionId, String(after), limit]);
    return rows.map(liveEvent);
  }

  async before(events: readonly EventView[]): Promise<readonly LastKnownState[]> {
    const rows = await this.dataSource.query<StandingRow[]>(BEFORE, [
      events.map((event) => event.execution_id),
      events.map((event) => event.revision),
    ]);
    return rows.map(({ project_id, state, revision }) => ({
      ...{ projectId: project_id, state },
      revision: BigInt(revision ?? -1),
    }));
  }

  executions({ projectId, state, scope }: StreamFilter, limit: number): Promise<ManySnapshot> {
    return inSnapshot(this.dataSource, async (manager) => {
      const highWaterMark = await reachIn(manager);
      const query = manager.createQueryBuilder(WorkflowExecution, 'e');
      if (projectId !== undefined) query.andWhere('e.project_id = :projectId', { projectId });
      if (state !== undefined) query.andWhere('e.current_state = :state', { state });
      const found = await whereInScope(query, 'e.project_id', scope)
        .orderBy('e.created_at', 'DESC')
        .addOrderBy('e.id', 'DESC')
        .limit(limit + 1)
        .getMany();
      const executions = found.slice(0, limit);
      const last = executions.at(-1);
      return { executions, nextCursor: found.length > limit && last ? toCursor(last) : null, highWaterMark };
    });
  }
}

const reachIn = async (manager: EntityManager): Promise<HighWaterMark> =>
  reachOf((await manager.query<ReachRow[]>(REACH))[0]!);

const reachOf = ({ reach_position, late_at, late, exchanged }: ReachRow): HighWaterMark => ({
  position: BigInt(reach_position),
  lateAt: late_at === null ? null : BigInt(late_at),
  late: BigInt(late),
  exchanged: BigInt(exchanged),
});

const liveEvent = ({ project_id, previous_state, ...event }: EventRow): LiveEvent => ({
  event,
  position: BigInt(event.position),
  projectId: project_id,
  previousState: previous_state,
  late: false,
});
