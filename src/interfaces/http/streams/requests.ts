import { IsOptional } from 'class-validator';
import { OpaqueId } from '../server/fields.js';
import { RevisionText } from '../server/query-fields.js';

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
