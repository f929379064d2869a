import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import { GetExecution, type ExecutionAnswer, GetArtifact } from '../../../application/queries/get-execution.js';
import { GetPastExecution, type PastAnswer, type Moment } from '../../../application/history/get-past-execution.js';
import { ListAuditReviews } from '../../../application/audit/reviews.js';
import { ListSignatures } from '../../../application/audit/signatures.js';
import { GetSignedCopy } from '../../../application/audit/signed-copy.js';
import { ListExecutions } from '../../../application/queries/list-executions.js';
import { Definitions, type PublishedDefinition } from '../../../application/workflow/definitions.js';
import type { StepDefinition } from '../../../domain/workflow/events.js';
import { eventAnswer } from '../../../application/queries/shown-actor.js';
import { answer, markImmutable, tag } from '../server/answer.js';
import { auditAnswer } from '../audit/audit.controller.js';
import { signatureAnswer } from '../audit/signatures.controller.js';
import { clientLeft } from '../server/caller.js';
import { narrowScopeOf } from '../access/principal.js';
import {
  instantOf,
  isTrue,
  revisionOf,
  OpaqueId,
  Uuid,
  CursorText,
  FlagText,
  InstantText,
  IntegerText,
  RevisionText,
  ExecutionPath,
  FileName,
  NoQuery,
} from '../server/fields.js';
import { badRequest, problem } from '../server/refusal.js';

class ExecutionQuery {
  @Uuid()
  execution_id!: string;

  @IsOptional()
  @FlagText()
  include_steps?: string;

  @IsOptional()
  @FlagText()
  include_events?: string;

  @IsOptional()
  @FlagText()
  include_audit?: string;

  @IsOptional()
  @RevisionText()
  min_revision?: string;

  @IsOptional()
  @RevisionText()
  at_revision?: string;

  @IsOptional()
  @InstantText()
  as_of?: string;
}

const EXECUTIONS_PER_PAGE = { most: 200, usual: 50 };

class ExecutionsQuery {
  @IsOptional()
  @OpaqueId()
  state?: string;

  @IsOptional()
  @OpaqueId()
  project_id?: string;

  @IsOptional()
  @OpaqueId()
  document_type?: string;

  @IsOptional()
  @InstantText()
  created_after?: string;

  @IsOptional()
  @InstantText()
  created_before?: string;

  @IsOptional()
  @IntegerText(1, EXECUTIONS_PER_PAGE.most)
  limit?: string;

  @IsOptional()
  @CursorText()
  cursor?: string;

  @IsOptional()
  @FlagText()
  include_checkpoint?: string;
}

class ArtifactQuery {
  @IsOptional()
  @FlagText()
  signatures?: string;
}

class ArtifactPath extends ExecutionPath {
  @FileName()
  name!: string;
}

/** Eventually consistent: what the read tables show; of the past, what they showed then. */
@Controller('api/v1/workflow')
export class ExecutionsController {
  constructor(private readonly queries: QueryBus) {}

  @Get()
  async one(@Query() query: ExecutionQuery, @Res({ passthrough: true }) response: Response) {
    const include = { steps: isTrue(query.include_steps), events: isTrue(query.include_events) };
    const minRevision = revisionOf(query.min_revision);
    const executionId = query.execution_id.toLowerCase();
    const moment = momentOf(query);
    const left = clientLeft(response);
    if (moment) {
      const past = await this.queries.execute(new GetPastExecution(executionId, include, moment, left));
      if (past.isFinal) markImmutable(response);
      tag(response, `past-${past.revision}`);
      return answer(pastAnswer(past, query));
    }
    const found = await this.queries.execute(new GetExecution(executionId, include, minRevision, left));
    const audit = isTrue(query.include_audit) ? await this.audit(found.execution) : undefined;
    const { revision, damage } = found.execution;
    // A review changes the answer and no revision; so does damage, and so does that the execution is held back.
    if (!audit && !found.heldBack) tag(response, damage ? `${revision}-${damage.kind}` : revision);
    return answer({ ...executionAnswer(found, minRevision), ...audit });
  }

  private async audit({ id, revision }: Readonly<{ id: string; revision: string }>) {
    const { status } = await this.queries.execute(new ListAuditReviews(id, BigInt(revision)));
    const signatures = await this.queries.execute(new ListSignatures(id));
    return { audit: auditAnswer(status), signatures: signatures.map(signatureAnswer) };
  }

  @Get('executions')
  async many(@Query() query: ExecutionsQuery, @Req() request: Request) {
    const filter = {
      state: query.state,
      projectId: query.project_id,
      documentType: query.document_type,
      createdAfter: instantOf(query.created_after),
      createdBefore: instantOf(query.created_before),
      ...narrowScopeOf(request, 'executions.read'),
    };
    const page = {
      cursor: query.cursor ?? null,
      limit: Number(query.limit ?? EXECUTIONS_PER_PAGE.usual),
      checkpoints: isTrue(query.include_checkpoint),
    };
    const { rows, nextCursor } = await this.queries.execute(new ListExecutions(filter, page));
    return answer({ executions: rows, next_cursor: nextCursor });
  }

  /**
   * The file's bytes, or a copy of a PDF with its signatures on a page behind it. Agents name the type: a browser must neither guess
   * another nor open the file here.
   */
  @Get(':execution_id/artifacts/:name')
  async file(@Param() path: ArtifactPath, @Query() query: ArtifactQuery, @Res() response: Response): Promise<void> {
    const asked = [path.execution_id.toLowerCase(), path.name] as const;
    const isSigned = isTrue(query.signatures);
    const { name, sha256, contentType, content } = await this.queries.execute(
      isSigned ? new GetSignedCopy(...asked) : new GetArtifact(...asked),
    );
    // Not response.set(), which adds a charset that the agent did not name.
    response.setHeader('Content-Type', contentType);
    response.setHeader('Content-Disposition', attachment(name));
    response.setHeader('X-Content-Type-Options', 'nosniff');
    // What is signed may be withdrawn: a copy is never the same for ever.
    if (!isSigned) tag(response, sha256);
    response.send(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }
}

/** Null: now. @throws Refusal 400 where the query names more than one moment, or asks today's reviews of the past */
const momentOf = ({ at_revision, as_of, min_revision, include_audit }: ExecutionQuery): Moment | null => {
  const given = Object.entries({ at_revision, as_of, min_revision }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const expected = 'at most one of at_revision, as_of and min_revision';
    throw badRequest(given.slice(1).map(([name, value]) => problem(name, expected, value)));
  }
  if (include_audit === 'true' && (at_revision ?? as_of) !== undefined) {
    const expected = 'no include_audit beside at_revision or as_of: reviews are those of now';
    throw badRequest([problem('include_audit', expected, include_audit)]);
  }
  const [revision, asOf] = [revisionOf(at_revision), instantOf(as_of)];
  if (revision !== null) return { revision };
  return asOf ? { asOf } : null;
};

/** `earlier_events`: how many events came before those of this answer, where the history has more than an answer holds. */
const executionAnswer = (
  { execution, steps, events, behind, heldBack }: ExecutionAnswer,
  minRevision: bigint | null,
) => ({
  execution,
  ...(steps && { steps }),
  ...(events && { events: events.map(eventAnswer), earlier_events: Number(events[0]?.revision ?? 0) }),
  ...(heldBack && {
    held_back: { reason: heldBack.reason, message: heldBack.message, since: heldBack.since.toISOString() },
  }),
  ...(behind && { behind, requested_revision: minRevision?.toString(), actual_revision: execution.revision }),
});

/** The same answer as at that moment, with a mark. Nothing in it depends on when the client asks. */
const pastAnswer = (past: PastAnswer, asked: Readonly<{ at_revision?: string; as_of?: string }>) => ({
  ...executionAnswer({ ...past, behind: false, heldBack: null }, null),
  historical: {
    at_revision: asked.at_revision ?? null,
    as_of: asked.as_of ?? null,
    of_revision: past.revision.toString(),
  },
});

/** RFC 6266: a plain name for old clients, and the exact one. */
const attachment = (name: string): string => {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const exact = encodeURIComponent(name).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
};

/** The workflow definitions of this instance. */
@Controller('api/v1/workflow')
export class DefinitionsController {
  constructor(private readonly published: Definitions) {}

  @Get('definitions')
  definitions(@Query() _none: NoQuery) {
    return answer({ definitions: this.published.all().map(definitionAnswer) });
  }
}

/** As in a definition file, with every default filled in. */
const definitionAnswer = ({ definition, hash }: PublishedDefinition) => ({
  name: definition.name,
  document_type: definition.documentType,
  hash,
  // Shown where it relaxes anything, as in the file.
  ...(definition.separationOfDuties && { separation_of_duties: definition.separationOfDuties }),
  steps: definition.steps.map(stepAnswer),
});

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

const stepAnswer = (step: StepDefinition) => ({
  name: step.name,
  agent: step.agent,
  required: step.required,
  timeout_minutes: step.timeoutMs / MINUTE_MS,
  heartbeat_timeout_seconds: step.heartbeatTimeoutMs === undefined ? null : step.heartbeatTimeoutMs / SECOND_MS,
  retry_on_failure: step.retry.maximumAttempts > 1,
  max_retries: step.retry.maximumAttempts - 1,
  on_exhausted: step.onExhausted ?? 'fail',
  running_state: step.runningState,
  completed_state: step.completedState,
  weight: step.weight,
});
