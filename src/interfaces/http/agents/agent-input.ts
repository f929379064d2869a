import type { AgentInput } from '../../../application/agents/agents.js';
import type { JsonObject } from '../../../domain/json.js';
import type { Checkpoint } from '../../../domain/workflow/summary.js';
import { Field, isObject, JsonObjectField, OpaqueId, PositiveInteger, Uuid } from '../server/fields.js';

const CheckpointField = () =>
  Field(
    'an object of last_completed_step (text or null) and intermediate_results (an object)',
    (value) =>
      isObject(value) &&
      Object.keys(value).length === 2 &&
      (value['last_completed_step'] === null || typeof value['last_completed_step'] === 'string') &&
      isObject(value['intermediate_results']),
  );

export class AgentInputBody implements AgentInput {
  @Uuid()
  execution_id!: string;

  @OpaqueId()
  project_id!: string;

  @OpaqueId()
  document_type!: string;

  @OpaqueId()
  step!: string;

  @PositiveInteger()
  attempt!: number;

  @JsonObjectField()
  metadata!: JsonObject;

  @CheckpointField()
  checkpoint!: Checkpoint;
}
