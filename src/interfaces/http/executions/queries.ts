import { IsOptional } from 'class-validator';
import { FileName, OpaqueId, Uuid } from '../server/fields.js';
import { MomentQuery } from '../history/history-queries.js';
import { CursorText, FlagText, InstantText, IntegerText, RevisionText } from '../server/query-fields.js';

/** For routes without parameters: one that is sent is a mistake worth telling. */
export class NoQuery {}

export class ExecutionQuery extends MomentQuery {
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
}

export const EXECUTIONS_PER_PAGE = { most: 200, usual: 50 };

export class ExecutionsQuery {
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

export class ExecutionPath {
  @Uuid()
  execution_id!: string;
}

export class ArtifactPath extends ExecutionPath {
  @FileName()
  name!: string;
}
