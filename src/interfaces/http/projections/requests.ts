import { IsOptional } from 'class-validator';
import { LONGEST_REASON } from '../executions/control-workflow.js';
import { Field, OneOf, OpaqueId, Text, Uuid } from '../server/fields.js';

const ProjectionName = () =>
  Field(
    'the name of a projection: a small letter and up to 62 small letters, digits, _',
    (value) => typeof value === 'string' && /^[a-z][a-z0-9_]{0,62}$/.test(value),
  );

/** Executions as their streams name them: one way to be poison is not to be a UUID. */
const ExecutionName = () =>
  Field('1 to 200 characters', (value) => typeof value === 'string' && value.length > 0 && value.length <= 200);

export class ProjectionPath {
  @ProjectionName()
  name!: string;
}

export class PoisonPath extends ProjectionPath {
  @ExecutionName()
  execution_id!: string;
}

export class RebuildPath extends ProjectionPath {
  @Uuid()
  id!: string;
}

/** Who asks, and why: what is done to a read table concerns everybody who reads it. */
export class AdminBody {
  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;

  @Text(LONGEST_REASON)
  reason!: string;
}

export class PoisonBody extends AdminBody {
  @OneOf('retry', 'skip')
  action!: 'retry' | 'skip';
}

export class RebuildBody extends AdminBody {
  @IsOptional()
  @OneOf('zero-diff', 'none')
  require?: 'zero-diff' | 'none' | null;
}
