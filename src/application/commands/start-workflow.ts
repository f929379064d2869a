import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { JsonObject } from '../../domain/json.js';
import type { WorkflowStarted } from '../../domain/workflow/events.js';
import { Clock, sleep } from '../runtime/clock.js';
import { Definitions, type PublishedDefinition } from '../workflow/definitions.js';
import { IdempotencyKeyReused, InvalidRequest } from '../runtime/errors.js';
import { hashOf } from '../log/event-hash.js';
import { executionIdFor, Ids, stepId } from '../log/ids.js';
import { WorkflowSaga } from '../saga/workflow-saga.js';
import { StartBacklog } from '../workflow/start-backlog.js';
import type { Outcome } from '../workflow/fold-cache.js';
import { Workflows } from '../workflow/workflows.js';
import { contextOf, type Caller } from './caller.js';

export type StartRequest = Readonly<{
  projectId: string;
  documentType: string;
  triggeredBy: string | null;
  autoExecute: boolean;
  metadata: JsonObject;
}>;

/** How long a start waits to learn whether there was such an execution; the append finds out, too. */
const RECORDED_WAIT_MS = 500;

export class StartWorkflow extends Command<Outcome> {
  constructor(
    readonly request: StartRequest,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(StartWorkflow)
export class StartWorkflowHandler implements ICommandHandler<StartWorkflow> {
  constructor(
    private readonly definitions: Definitions,
    private readonly saga: WorkflowSaga,
    private readonly ids: Ids,
    private readonly clock: Clock,
    private readonly backlog: StartBacklog,
    private readonly workflows: Workflows,
  ) {}

  async execute({ request, caller }: StartWorkflow): Promise<Outcome> {
    const { ids, clock } = this;
    const { idempotencyKey } = caller;
    const executionId = idempotencyKey === null ? ids.orderedUuid() : executionIdFor(idempotencyKey);
    const data = started(executionId, request, this.definitionFor(request.documentType));
    const context = contextOf({ ids, clock }, caller, executionId, 'start');
    const order = { command: { type: 'StartWorkflow' as const, data }, context };
    await this.mustHaveRoom(executionId, caller);
    const isNew = idempotencyKey === null || !(await this.isRecorded(executionId));
    const outcome = await this.saga.submit(executionId, order, { isNew });
    if (outcome.answer.requestHash !== data.requestHash) {
      // Two keys may be of one service, and of different projects: of another project's execution nothing is said.
      const isOwn = !caller.actor.verified || outcome.answer.projectId === request.projectId;
      const which = isOwn ? ` (execution ${executionId})` : '';
      throw new IdempotencyKeyReused(
        `Idempotency-Key ${idempotencyKey} was used for another start request${which}; use a new key`,
      );
    }
    if (outcome.appended.length === 1 && request.autoExecute) this.backlog.grew();
    return outcome;
  }

  /** A repeat of a start that was accepted adds nothing, and is answered however much waits. */
  private async mustHaveRoom(executionId: string, { idempotencyKey }: Caller): Promise<void> {
    try {
      await this.backlog.mustHaveRoom();
    } catch (error) {
      if (idempotencyKey === null || (await this.workflows.load(executionId)).state.status === 'none') throw error;
    }
  }

  /** A server takes a first event again where someone has deleted the stream: a history that there was is looked at first. */
  private async isRecorded(executionId: string): Promise<boolean> {
    const answered = new AbortController();
    const late = sleep(this.clock, RECORDED_WAIT_MS, answered.signal).then(() => false);
    try {
      return await Promise.race([this.workflows.isRecorded(executionId), late]);
    } finally {
      answered.abort();
    }
  }

  private definitionFor(documentType: string): PublishedDefinition {
    const found = this.definitions.byDocumentType(documentType);
    if (found) return found;
    const known = this.definitions.all().map(({ definition }) => definition.documentType);
    throw new InvalidRequest(
      'UNKNOWN_DOCUMENT_TYPE',
      `document_type: expected one of ${known.join(', ')}, got ${JSON.stringify(documentType)}`,
      { expected: known, received: documentType },
    );
  }
}

const started = (
  executionId: string,
  { projectId, documentType, triggeredBy, autoExecute, metadata }: StartRequest,
  { definition, hash }: PublishedDefinition,
): WorkflowStarted => ({
  executionId,
  projectId,
  documentType,
  triggeredBy,
  autoExecute,
  metadata,
  definition,
  definitionHash: hash,
  stepIds: definition.steps.map(({ name }) => stepId(executionId, name)),
  requestHash: hashOf({ projectId, documentType, triggeredBy, autoExecute, metadata }),
});
