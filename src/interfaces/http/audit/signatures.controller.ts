import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request } from 'express';
import { IsOptional } from 'class-validator';
import {
  ListSignatures,
  SignExecution,
  WithdrawSignature,
  type SignatureView,
} from '../../../application/audit/signatures.js';
import { GetExecution } from '../../../application/queries/get-execution.js';
import { MEANINGS, type Meaning } from '../../../domain/audit/signature.js';
import { principalOf } from '../access/principal.js';
import { answer } from '../server/answer.js';
import { callerOf } from '../server/caller.js';
import { ExecutionPath, Field, NoQuery, OneOf, Reason, Uuid } from '../server/fields.js';
import { Revision } from './audit.controller.js';

const MOST_DOCUMENTS = 100;

const Hashes = () =>
  Field(
    `an array of at most ${MOST_DOCUMENTS} SHA-256 (64 hex digits), each once`,
    (value) =>
      Array.isArray(value) &&
      value.length <= MOST_DOCUMENTS &&
      value.every((hash) => typeof hash === 'string' && /^[0-9a-f]{64}$/i.test(hash)) &&
      new Set(value.map((hash: string) => hash.toLowerCase())).size === value.length,
    {
      type: 'array',
      maxItems: MOST_DOCUMENTS,
      uniqueItems: true,
      items: { type: 'string', pattern: '^[0-9a-fA-F]{64}$' },
    },
  );

class SignBody {
  @OneOf(...MEANINGS)
  meaning!: Meaning;

  @Revision()
  through_revision!: number | string;

  @Hashes()
  documents!: readonly string[];

  @IsOptional()
  @Reason()
  reason?: string | null;
}

class WithdrawBody {
  @Reason()
  reason!: string;
}

class SignaturePath extends ExecutionPath {
  @Uuid()
  signature_id!: string;
}

/** Strongly consistent: signatures are read from the log and written to it. */
@Controller('api/v1/workflow/:execution_id/signatures')
export class SignaturesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post()
  @HttpCode(201)
  async sign(
    @Query() _none: NoQuery,
    @Param() path: ExecutionPath,
    @Body() { meaning, through_revision, documents, reason = null }: SignBody,
    @Req() request: Request,
  ) {
    const asked = {
      ...{ meaning, throughRevision: Number(through_revision), reason },
      documents: documents.map((hash) => hash.toLowerCase()),
    };
    const caller = callerOf(request, null, reason);
    const command = new SignExecution(path.execution_id.toLowerCase(), asked, principalOf(request), caller);
    return answer({ signature: signatureAnswer(await this.commands.execute(command)) });
  }

  @Get()
  async list(@Query() _none: NoQuery, @Param() path: ExecutionPath) {
    const executionId = path.execution_id.toLowerCase();
    const found = await this.queries.execute(new ListSignatures(executionId));
    // Where there is none it has to be known whether there is such an execution.
    if (found.length === 0)
      await this.queries.execute(new GetExecution(executionId, { steps: false, events: false }, null));
    return answer({ signatures: found.map(signatureAnswer) });
  }

  @Post(':signature_id/withdraw')
  @HttpCode(200)
  async withdraw(
    @Query() _none: NoQuery,
    @Param() path: SignaturePath,
    @Body() { reason }: WithdrawBody,
    @Req() request: Request,
  ) {
    const [executionId, id] = [path.execution_id.toLowerCase(), path.signature_id.toLowerCase()];
    const caller = callerOf(request, null, reason);
    const command = new WithdrawSignature(executionId, id, reason, principalOf(request), caller);
    return answer({ signature: signatureAnswer(await this.commands.execute(command)) });
  }
}

export const signatureAnswer = ({ stale, withdrawn, ...signature }: SignatureView) => ({
  id: signature.signatureId,
  execution_id: signature.executionId,
  printed_name: signature.printedName,
  subject: signature.subject,
  issuer: signature.issuer,
  meaning: signature.meaning,
  through_revision: String(signature.throughRevision),
  event_hash: signature.eventHash,
  documents: signature.documents.map(({ name, sha256 }) => ({ name, sha256 })),
  reason: signature.reason,
  signed_at: signature.at,
  authenticated_at: signature.authTime,
  stale: stale !== null,
  stale_because: stale && {
    ...{ why: stale.why, document: stale.document, sha256: stale.sha256, revision: String(stale.revision) },
  },
  withdrawn: withdrawn !== null,
  withdrawal: withdrawn && { by: withdrawn.by, reason: withdrawn.reason, at: withdrawn.at },
});
