import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { OrderRebuild, requestAll, type RebuildOrder } from '../../../application/commands/order-rebuild.js';
import { TreatPoison } from '../../../application/commands/treat-poison.js';
import { GetRebuild, ListProjections } from '../../../application/projections/admin/projection-queries.js';
import { answer } from '../server/answers.js';
import { callerOf } from '../server/caller.js';
import { AdminBody, PoisonBody, PoisonPath, ProjectionPath, RebuildBody, RebuildPath } from './requests.js';
import { NoQuery } from '../executions/queries.js';
import { orderAnswer, projectionAnswer, rebuildAnswer } from './projection-answers.js';
import { location } from '../server/public-path.js';

const ROUTE = 'api/v1/admin/projections';
const ALL = 'all';
/** Of what is held back, passed over, differing and ordered: in the list, and of one projection. */
const LISTED = { each: 20, one: 1_000 };

/** An order is accepted when it is in the log (202); whoever leads carries it out, on whichever instance. */
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
    const order = await this.commands.execute(new TreatPoison(name, execution_id, action, reason, caller));
    return answer({ order: orderAnswer(order) });
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
