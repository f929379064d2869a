import { IsOptional } from 'class-validator';
import type { JsonObject } from '../../../domain/json.js';
import { Flag, JsonObjectField, OpaqueId } from '../server/fields.js';

/** Null in an optional field is the same as its absence. */
export class StartWorkflowBody {
  @OpaqueId()
  project_id!: string;

  @OpaqueId()
  document_type!: string;

  @IsOptional()
  @OpaqueId()
  triggered_by?: string | null;

  @IsOptional()
  @Flag()
  auto_execute?: boolean | null;

  @IsOptional()
  @JsonObjectField()
  metadata?: JsonObject | null;
}
