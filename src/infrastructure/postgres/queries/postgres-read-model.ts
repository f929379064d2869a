import type { DataSource, EntityManager, SelectQueryBuilder } from 'typeorm';
import { z } from 'zod';
import type { Scope } from '../../../domain/access/grants.js';
import type { ArtifactRef } from '../../../domain/workflow/events.js';
import {
  ReadModel,
  type EventsAsked,
  type EventView,
  type ExecutionFilter,
  type ExecutionView,
  type ListedExecution,
  type Overview,
  type Page,
  type PageOfExecutions,
  InvalidCursor,
} from '../../../application/queries/read-model.js';
import { WaitingExecutions } from '../../../application/workflow/start-backlog.js';
import { DamagedHistoryRow, WorkflowEventRow, WorkflowExecution, WorkflowStep } from '../entities/workflow.entities.js';
import { NOT_HELD_BACK } from '../workflow/postgres-workers.js';
import { whereInScope } from '../access/in-scope.js';
import { inSnapshot } from './snapshot.js';

/** The last row of the page before. */
type Place = Readonly<{ created_at: Date; id: string }>;

const shape = z.tuple([z.iso.datetime({ precision: 3 }), z.uuid()]);

/** A UUID and a time in base64 are 92 characters long. */
const MAX_CURSOR_CHARACTERS = 200;

export const toCursor = ({ created_at, id }: Place): string =>
  Buffer.from(JSON.stringify([created_at.toISOString(), id])).toString('base64url');

/** @throws InvalidCursor where it is not one that this application gave out */
const fromCursor = (cursor: string): Place => {
  const invalid = () =>
    new InvalidCursor('The cursor: expected the next_cursor of an earlier answer, got something else');
  if (cursor.length > MAX_CURSOR_CHARACTERS || !/^[A-Za-z0-9_-]+$/.test(cursor)) throw invalid();
  try {
    const [created_at, id] = shape.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { created_at: new Date(created_at), id };
  } catch {
    throw invalid();
  }
};

type WithDamage = WorkflowExecution & { damage?: DamagedHistoryRow | null };

const withDamage = (query: SelectQueryBuilder<WorkflowExecution>): SelectQueryBuilder<WithDamage> =>
  query.leftJoinAndMapOne('e.damage', DamagedHistoryRow, 'd', 'd.execution_id = e.id::text');

/** Most histories are whole, of which nothing is said. */
const shown = ({ damage, ...execution }: WithDamage): ExecutionView =>
  damage
    ? Object.assign(execution, { damage: { kind: damage.damage, message: damage.what, found_at: damage.found_at } })
    : execution;

type Include = Readonly<{ steps: boolean; events: Readonly<{ limit: number }> | false }>;

export class PostgresReadModel extends ReadModel {
  private readonly withoutCheckpoint: readonly string[];

  constructor(private readonly dataSource: DataSource) {
    super();
    const { columns } = dataSource.getMetadata(WorkflowExecution);
    this.withoutCheckpoint = columns
      .map(({ propertyName }) => propertyName)
      .filter((name) => name !== 'checkpoint_data');
  }

  /** One snapshot: the projections commit their tables together, so its parts stand at the same event. */
  async overview(executionId: string, include: Include): Promise<Overview | null> {
    if (!include.steps && !include.events) return this.parts(this.dataSource.manager, executionId, include);
    return inSnapshot(this.dataSource, (manager) => this.parts(manager, executionId, include));
  }

  async revisions(executionIds: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    const rows: { id: string; revision: string }[] = await this.dataSource.query(
      'select id, revision from workflow_executions where id = any($1)',
      [executionIds],
    );
    return new Map(rows.map(({ id, revision }) => [id, BigInt(revision)]));
  }

  async executions(
    filter: ExecutionFilter,
    { cursor, limit, checkpoints }: PageOfExecutions,
  ): Promise<Page<ListedExecution>> {
    const query = this.dataSource.getRepository(WorkflowExecution).createQueryBuilder('e');
    if (!checkpoints) query.select(this.withoutCheckpoint.map((column) => `e.${column}`));
    const { state, projectId, documentType, createdAfter, createdBefore, scope } = filter;
    whereInScope(query, 'e.project_id', scope);
    if (state !== undefined) query.andWhere('e.current_state = :state', { state });
    if (projectId !== undefined) query.andWhere('e.project_id = :projectId', { projectId });
    if (documentType !== undefined) query.andWhere('e.document_type = :documentType', { documentType });
    if (createdAfter) query.andWhere('e.created_at >= :createdAfter', { createdAfter });
    if (createdBefore) query.andWhere('e.created_at < :createdBefore', { createdBefore });
    if (cursor !== null) query.andWhere('(e.created_at, e.id) < (:created_at, :id)', fromCursor(cursor));
    const found = await withDamage(query)
      .orderBy('e.created_at', 'DESC')
      .addOrderBy('e.id', 'DESC')
      .limit(limit + 1)
      .getMany();
    const rows = found.slice(0, limit).map(shown);
    const last = rows.at(-1);
    return { rows, nextCursor: found.length > limit && last ? toCursor(last) : null };
  }

  async events(
    executionId: string,
    { order, afterRevision, beforeRevision, types, limit }: EventsAsked,
  ): Promise<readonly EventView[]> {
    const query = this.dataSource
      .getRepository(WorkflowEventRow)
      .createQueryBuilder('e')
      .where('e.execution_id = :executionId', { executionId })
      .orderBy('e.revision', order === 'asc' ? 'ASC' : 'DESC')
      .limit(limit);
    if (afterRevision !== null) query.andWhere('e.revision > :after', { after: String(afterRevision) });
    if (beforeRevision !== null) query.andWhere('e.revision < :before', { before: String(beforeRevision) });
    if (types !== null) query.andWhere('e.event_type = any(:types)', { types });
    return query.getMany();
  }

  async hasState(state: string, scope?: Scope): Promise<boolean> {
    const query = this.dataSource.getRepository(WorkflowExecution).createQueryBuilder('e').select('1');
    query.where('e.current_state = :state', { state }).limit(1);
    const found: unknown[] = await whereInScope(query, 'e.project_id', scope).getRawMany();
    return found.length > 0;
  }

  async typesAmong(executionId: string, types: readonly string[]): Promise<readonly string[]> {
    const found: { event_type: string }[] = await this.dataSource.query(
      'select distinct event_type from workflow_events where execution_id = $1 and event_type = any($2)',
      [executionId, types],
    );
    return found.map(({ event_type }) => event_type);
  }

  async artifact(executionId: string, name: string): Promise<ArtifactRef | null> {
    const found: { artifact: ArtifactRef }[] = await this.dataSource.query(
      `select made.artifact
       from workflow_steps step, jsonb_array_elements(step.artifacts) with ordinality as made(artifact, place)
       where step.execution_id = $1 and made.artifact ->> 'name' = $2
       order by step.step_order desc, made.place desc limit 1`,
      [executionId, name],
    );
    return found[0]?.artifact ?? null;
  }

  private async parts(manager: EntityManager, id: string, { steps, events }: Include): Promise<Overview | null> {
    const found = await withDamage(manager.createQueryBuilder(WorkflowExecution, 'e'))
      .where('e.id = :id', { id })
      .getOne();
    if (!found) return null;
    const execution = shown(found);
    const ofIt = { execution_id: id };
    return {
      execution,
      steps: steps ? await manager.find(WorkflowStep, { where: ofIt, order: { step_order: 'ASC' } }) : undefined,
      events: events ? await this.latest(manager, ofIt, events.limit) : undefined,
    };
  }

  private async latest(manager: EntityManager, where: Readonly<{ execution_id: string }>, take: number) {
    const newestFirst = await manager.find(WorkflowEventRow, { where, order: { revision: 'DESC' }, take });
    return newestFirst.reverse();
  }
}

/** $1: now, $2: the limit. */
export const WAITING = `select count(*)::integer as count from (
  select from workflow_executions
  where next_action_at is not null and next_action_at <= $1 and worker is null and ${NOT_HELD_BACK}
  limit $2) as waiting`;

/** Reads the partial index of executions with an effect due, from its oldest end, and not beyond the limit. */
export class PostgresWaitingExecutions extends WaitingExecutions {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async count(now: Date, limit: number): Promise<number> {
    const rows: { count: number }[] = await this.dataSource.query(WAITING, [now.toISOString(), limit]);
    return rows[0]?.count ?? 0;
  }
}
