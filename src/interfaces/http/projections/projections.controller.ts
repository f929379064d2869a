import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import { OrderRebuild, requestAll, type RebuildOrder } from '../../../application/commands/order-rebuild.js';
import { TreatPoison } from '../../../application/commands/treat-poison.js';
import { GetRebuild, ListProjections } from '../../../application/projections/admin/projection-queries.js';
import type { PlacedOrder, Drift } from '../../../application/projections/admin/projection-records.js';
import type { ProjectionStatus } from '../../../application/projections/admin/projection-status.js';
import type { Poison, SkippedEvent } from '../../../application/projections/projection-store.js';
import type { RebuildView } from '../../../application/rebuild/rebuilds.js';
import { proposalEnd, type Proposal } from '../../../domain/projection/proposal.js';
import { allowedNow } from '../../../domain/projection/rebuild.js';
import { actorAnswer } from '../../../application/queries/shown-actor.js';
import { answer, location } from '../server/answer.js';
import { callerOf } from '../server/caller.js';
import { NoQuery, LONGEST_REASON, Field, OneOf, OpaqueId, Text, Uuid } from '../server/fields.js';

/** The read tables, in the words of the API. Positions and revisions are strings: they may exceed a double. */

const projectionAnswer = (status: ProjectionStatus) => {
  const { record, lag, counts, rebuild } = status;
  return {
    name: status.projection,
    state: status.state,
    leader: status.leader,
    version: { of_table: record?.version ?? null, of_program: status.version },
    position: record?.position.toString() ?? null,
    head: status.head === 'start' ? null : status.head.toString(),
    lag: { events: lag.events, events_counted: lag.counted, seconds: lag.seconds },
    events_per_second: status.rate === null ? null : Math.round(status.rate * 10) / 10,
    last_event_at: record?.lastEventAt ?? null,
    updated_at: record?.updatedAt ?? null,
    last_rebuild: rebuildAnswer(rebuild),
    previous_kept: rebuild.previous,
    poisoned_count: counts.poisoned,
    poisoned: status.poisoned.map(poisonAnswer),
    skipped_count: counts.skipped,
    skipped: status.skipped.map(skippedAnswer),
    drifted_count: counts.drifted,
    drifted: status.drifted.map(driftAnswer),
    orders: status.orders.map(orderAnswer),
  };
};

/** Null where the projection was never rebuilt. */
const rebuildAnswer = ({ projection, rebuild, previous, dropProposed, building }: RebuildView) =>
  rebuild && {
    id: rebuild.id,
    projection,
    phase: rebuild.phase,
    require: rebuild.require,
    cause: rebuild.cause,
    version: rebuild.version,
    requested_at: rebuild.requestedAt,
    requested_by: actorAnswer(rebuild.requestedBy.actor),
    reason: rebuild.requestedBy.reason,
    approved_by: rebuild.approvedBy,
    building: building && {
      position: building.position?.toString() ?? null,
      events: building.events,
      build_ms: building.buildMs,
      events_per_second: building.buildMs > 0 ? Math.round(building.events / (building.buildMs / 1_000)) : null,
    },
    comparison: rebuild.comparison && {
      position: rebuild.comparison.position,
      rows_live: rebuild.comparison.live,
      rows_rebuilt: rebuild.comparison.rebuilt,
      added: rebuild.comparison.added,
      removed: rebuild.comparison.removed,
      changed: rebuild.comparison.changed,
      samples: rebuild.comparison.samples,
      events: rebuild.comparison.events,
      build_ms: rebuild.comparison.buildMs,
      compare_ms: rebuild.comparison.compareMs,
      compared_at: rebuild.comparedAt,
    },
    position: rebuild.position,
    ended_at: rebuild.endedAt,
    allowed_actions: allowedNow({ rebuild, previous }),
    ...(dropProposed && { awaiting: proposalAnswer('drop-previous', dropProposed) }),
  };

/** What one person has asked for, and another has to ask for as well before it is done. */
const proposalAnswer = (action: string, proposal: Proposal) => ({
  action,
  confirmation_by: 'another person',
  proposed_by: proposal.actor,
  reason: proposal.reason,
  proposed_at: proposal.at,
  expires_at: proposalEnd(proposal),
});

const poisonAnswer = ({ executionId, position, revision, eventId, error, at }: Poison) => ({
  execution_id: executionId,
  position: position.toString(),
  revision: revision.toString(),
  event_id: eventId,
  error,
  since: at,
});

const skippedAnswer = ({ executionId, position, revision, eventId, error, at, actor, reason }: SkippedEvent) => ({
  ...{ execution_id: executionId, position: position.toString(), revision: revision.toString(), event_id: eventId },
  ...{ error, skipped_at: at, actor: actorAnswer(actor), reason },
});

const driftAnswer = ({ executionId, position, differences, samples, foundAt }: Drift) => ({
  ...{ execution_id: executionId, position: position.toString() },
  ...{ differences, samples, found_at: foundAt },
});

const orderAnswer = (order: PlacedOrder) => ({
  id: order.id,
  projection: order.projection,
  execution_id: order.executionId,
  action: order.action,
  revision: order.revision.toString(),
  actor: actorAnswer(order.actor),
  reason: order.reason,
  placed_at: order.placedAt,
  done_at: order.doneAt,
  outcome: order.outcome,
});

const ProjectionName = () =>
  Field(
    'the name of a projection: a small letter and up to 62 small letters, digits, _',
    (value) => typeof value === 'string' && /^[a-z][a-z0-9_]{0,62}$/.test(value),
    { type: 'string', pattern: '^[a-z][a-z0-9_]{0,62}$' },
  );

/** Executions as their streams name them: an execution may be poison because its name is no UUID. */
const ExecutionName = () => Text(200);

class ProjectionPath {
  @ProjectionName()
  name!: string;
}

class PoisonPath extends ProjectionPath {
  @ExecutionName()
  execution_id!: string;
}

class RebuildPath extends ProjectionPath {
  @Uuid()
  id!: string;
}

/** The caller and the reason: what is done to a read table concerns all its readers. */
class AdminBody {
  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;

  @Text(LONGEST_REASON)
  reason!: string;
}

class PoisonBody extends AdminBody {
  @OneOf('retry', 'skip')
  action!: 'retry' | 'skip';
}

class RebuildBody extends AdminBody {
  @IsOptional()
  @OneOf('zero-diff', 'none')
  require?: 'zero-diff' | 'none' | null;
}

const ROUTE = 'api/v1/admin/projections';
const ALL = 'all';
/** Rows shown of poison, skipped events, drift and orders: in the list, and for a single projection. */
const LISTED = { each: 20, one: 1_000 };

/** An order is accepted when it is in the log (202); the leader carries it out, on any instance. */
@Controller(ROUTE)
export class ProjectionsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Get()
  async all(@Query() _none: NoQuery) {
    const found = await this.queries.execute(new ListProjections(null, LISTED.each));
    return answer({ projections: found.map(projectionAnswer) });
  }

  @Get(':name')
  async one(@Query() _none: NoQuery, @Param() { name }: ProjectionPath) {
    const [found] = await this.queries.execute(new ListProjections(name, LISTED.one));
    return answer({ projection: found ? projectionAnswer(found) : null });
  }

  @Post(':name/poisoned/:execution_id')
  @HttpCode(202)
  async treat(
    @Query() _none: NoQuery,
    @Param() { name, execution_id }: PoisonPath,
    @Body() { action, reason, actor_id }: PoisonBody,
    @Req() request: Request,
  ) {
    const caller = callerOf(request, actor_id, reason);
    const treated = await this.commands.execute(new TreatPoison(name, execution_id, action, reason, caller));
    if (treated.order) return answer({ order: orderAnswer(treated.order) });
    return answer({ order: null, awaiting: treated.awaiting && proposalAnswer(action, treated.awaiting) });
  }

  @Post(':name/rebuilds')
  @HttpCode(202)
  async rebuild(
    @Query() _none: NoQuery,
    @Param() { name }: ProjectionPath,
    @Body() body: RebuildBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    const order: RebuildOrder = { type: 'request', require: body.require ?? 'zero-diff' };
    if (name !== ALL) {
      const rebuild = await this.order(name, order, body, request);
      location(response, `/${ROUTE}/${name}/rebuilds/${rebuild?.id}`);
      return answer({ rebuild });
    }
    const caller = callerOf(request, body.actor_id, body.reason);
    const outcomes = await requestAll((projection) =>
      this.commands.execute(new OrderRebuild(projection, order, caller)),
    );
    location(response, `/${ROUTE}`);
    const rebuilds = outcomes.map(({ projection, view, refusal }) => ({
      projection,
      rebuild: view && rebuildAnswer(view),
      refusal,
    }));
    return answer({ rebuilds });
  }

  @Get(':name/rebuilds/:id')
  async report(@Query() _none: NoQuery, @Param() { name, id }: RebuildPath) {
    return answer({ rebuild: rebuildAnswer(await this.queries.execute(new GetRebuild(name, id.toLowerCase()))) });
  }

  @Post(':name/rebuilds/:id/approve')
  @HttpCode(202)
  async approve(
    @Query() _none: NoQuery,
    @Param() { name, id }: RebuildPath,
    @Body() body: AdminBody,
    @Req() request: Request,
  ) {
    const order = { type: 'approve', rebuildId: id.toLowerCase() } as const;
    return answer({ rebuild: await this.order(name, order, body, request) });
  }

  @Post(':name/rebuilds/:id/abandon')
  @HttpCode(202)
  async abandon(
    @Query() _none: NoQuery,
    @Param() { name, id }: RebuildPath,
    @Body() body: AdminBody,
    @Req() request: Request,
  ) {
    const order = { type: 'abandon', rebuildId: id.toLowerCase() } as const;
    return answer({ rebuild: await this.order(name, order, body, request) });
  }

  @Post(':name/rollback')
  @HttpCode(202)
  async rollback(
    @Query() _none: NoQuery,
    @Param() { name }: ProjectionPath,
    @Body() body: AdminBody,
    @Req() request: Request,
  ) {
    return answer({ rebuild: await this.order(name, { type: 'rollback' }, body, request) });
  }

  @Post(':name/drop-previous')
  @HttpCode(202)
  async dropPrevious(
    @Query() _none: NoQuery,
    @Param() { name }: ProjectionPath,
    @Body() body: AdminBody,
    @Req() request: Request,
  ) {
    return answer({ rebuild: await this.order(name, { type: 'drop-previous' }, body, request) });
  }

  private async order(name: string, order: RebuildOrder, { actor_id, reason }: AdminBody, request: Request) {
    const caller = callerOf(request, actor_id, reason);
    return rebuildAnswer(await this.commands.execute(new OrderRebuild(name, order, caller)));
  }
}
