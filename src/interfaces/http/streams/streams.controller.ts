import { Controller, Get, Logger, Param, Query, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import { Authenticator } from '../../../application/access/authenticator.js';
import { endOf } from '../../../application/live/live-source.js';
import type { LiveStream } from '../../../application/live/live-stream.js';
import { LiveStreams } from '../../../application/live/live-streams.js';
import { CheckState } from '../../../application/queries/list-executions.js';
import { GetEvents } from '../../../application/history/get-events.js';
import { GetExecution, mustBeWhole, type ExecutionAnswer } from '../../../application/queries/get-execution.js';
import type { EventsAsked, ExecutionView } from '../../../application/queries/read-model.js';
import { narrowScopeOf, principalOf } from '../access/principal.js';
import { ExecutionPath, OpaqueId, RevisionText } from '../server/fields.js';
import { stackOf } from '../server/error-answer.js';
import { badRequest, problem, Refusal } from '../server/refusal.js';
import { holderOf } from '../server/request-limits.js';
import { OpenStreams, type Open } from './open-streams.js';
import { ResponseSink } from './response-sink.js';

const EVENTS = 'text/event-stream';
const LARGEST = 2n ** 63n - 1n;

/** @throws Refusal 406 */
const mustAcceptEventStream = (request: Request): void => {
  if (request.accepts(EVENTS)) return;
  throw new Refusal(406, 'NOT_ACCEPTABLE', `Accept: expected ${EVENTS}`, { offered: [EVENTS] });
};

/**
 * Null: from the beginning. The header wins: EventSource sends it when it comes again to the address it was given.
 * @throws Refusal 400
 */
const lastEventId = (request: Request, queried: string | undefined): bigint | null => {
  const header = request.get('last-event-id');
  const given = header === undefined || header === '' ? queried : header;
  if (given === undefined) return null;
  if (/^\d{1,19}$/.test(given) && BigInt(given) <= LARGEST) return BigInt(given);
  throw badRequest([problem('Last-Event-ID', 'the id of a message of this stream: a whole number from 0', given)]);
};

class ExecutionStreamQuery {
  @IsOptional()
  @RevisionText()
  last_event_id?: string;
}

class StreamQuery extends ExecutionStreamQuery {
  @IsOptional()
  @OpaqueId()
  project_id?: string;

  @IsOptional()
  @OpaqueId()
  state?: string;
}

const LAST_EVENT: EventsAsked = { order: 'desc', afterRevision: null, beforeRevision: null, types: null, limit: 1 };

/** What happens, as it happens, as server-sent events. */
@Controller('api/v1/workflow')
export class StreamsController {
  private readonly logger = new Logger('Streams');

  constructor(
    private readonly queries: QueryBus,
    private readonly streams: LiveStreams,
    private readonly open: OpenStreams,
    private readonly authenticator: Authenticator,
  ) {}

  @Get('stream')
  async many(@Query() query: StreamQuery, @Req() request: Request, @Res() response: Response): Promise<void> {
    const cursor = asked(request, query);
    const narrow = narrowScopeOf(request, 'executions.read');
    await this.queries.execute(new CheckState(query.state, narrow.scope));
    if (request.method === 'HEAD') return void response.type('text/event-stream').end();
    const filter = { projectId: query.project_id, state: query.state, ...narrow };
    const streamTo = (sink: ResponseSink) => this.streams.ofMany(filter, sink);
    await this.run(request, response, true, streamTo, (stream) => stream.run(cursor, null));
  }

  @Get(':execution_id/stream')
  async one(
    @Param() path: ExecutionPath,
    @Query() query: ExecutionStreamQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const cursor = asked(request, query);
    await this.ofOne(path.execution_id.toLowerCase(), cursor, request, response);
  }

  private async ofOne(executionId: string, cursor: bigint | null, request: Request, response: Response): Promise<void> {
    // An unknown execution is answered before anything is opened.
    const execution = await this.present(executionId);
    if (request.method === 'HEAD') return void response.type('text/event-stream').end();
    // An id of another stream does not show what the client has.
    const known = cursor !== null && cursor <= BigInt(execution.position) ? cursor : null;
    const streamTo = (sink: ResponseSink) => this.streams.ofOne(executionId, () => this.look(executionId, true), sink);
    await this.run(request, response, false, streamTo, (stream) => stream.run(known, endOf(execution.current_state)));
  }

  private look(executionId: string, steps: boolean, minRevision: bigint | null = null): Promise<ExecutionAnswer> {
    return this.queries.execute(new GetExecution(executionId, { steps, events: false }, minRevision));
  }

  /** A retry of a moment ago may not be in the tables yet: an end is believed only where the log knows no more either. */
  private async present(executionId: string): Promise<ExecutionView> {
    const { execution } = await this.look(executionId, false);
    mustBeWhole(execution);
    if (endOf(execution.current_state) === null) return execution;
    const { events } = await this.queries.execute(new GetEvents(executionId, 'log', LAST_EVENT));
    const last = events[0]?.revision ?? execution.revision;
    return last === execution.revision ? execution : (await this.look(executionId, false, BigInt(last))).execution;
  }

  /** A client whose credential ends, or comes to count for other things, has to come again and is asked anew. */
  private async run(
    request: Request,
    response: Response,
    tellsPlace: boolean,
    streamTo: (sink: ResponseSink) => LiveStream,
    run: (stream: LiveStream) => ReturnType<LiveStream['run']>,
  ): Promise<void> {
    const sink = new ResponseSink(response, this.open.bounds);
    const open: Open = { sink, sendsPosition: tellsPlace, holder: holderOf(response.req) };
    this.open.add(open);
    const unwatch = this.authenticator.watch(principalOf(request), () => open.sink.close('access_changed'));
    try {
      const stream = (open.stream = streamTo(open.sink));
      open.sink.whenGone(() => stream.stop());
      // The client had the end before: EventSource reconnects until it gets this status.
      if ((await run(stream)) === 'nothing' && !response.headersSent) response.status(204).end();
    } catch (error) {
      if (!response.headersSent) throw error;
      this.logger.error('A stream was closed', stackOf(error));
      open.sink.close('failed');
    } finally {
      unwatch();
      this.open.remove(open);
    }
  }
}

/** @throws Refusal 400, 406 */
const asked = (request: Request, query: ExecutionStreamQuery): bigint | null => {
  mustAcceptEventStream(request);
  return lastEventId(request, query.last_event_id);
};
