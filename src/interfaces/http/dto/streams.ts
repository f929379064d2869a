import { IsOptional } from 'class-validator';
import { OpaqueId } from './fields.js';
import { RevisionText } from './query-fields.js';

export class ExecutionStreamQuery {
  @IsOptional()
  @RevisionText()
  last_event_id?: string;
}

export class StreamQuery extends ExecutionStreamQuery {
  @IsOptional()
  @OpaqueId()
  project_id?: string;

  @IsOptional()
  @OpaqueId()
  state?: string;
}
