import { IsOptional } from 'class-validator';
import type { ControlOrder } from '../../../application/commands/control-workflow.js';
import { Field, OneOf, OpaqueId, Text, Uuid, UUID } from '../server/fields.js';

export const LONGEST_REASON = 1_000;

/** Who asks, of which execution, and why. */
export class OperatorBody {
  @Uuid()
  execution_id!: string;

  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;

  @IsOptional()
  @Text(LONGEST_REASON)
  reason?: string | null;
}

const CONTROL_ACTIONS = ['pause', 'resume', 'retry', 'cancel'] as const;

const isRetry = (dto: object) => (dto as ControlWorkflowBody).action === 'retry';

/** A step is retried, an execution is paused, resumed or cancelled: a step beside those would be ignored in silence. */
const RetriedStep = () =>
  Field(
    (dto) => (isRetry(dto) ? 'the UUID of the step to retry' : 'nothing, as only retry names a step'),
    (value, dto) =>
      isRetry(dto) ? typeof value === 'string' && UUID.test(value) : value === undefined || value === null,
  );

export class ControlWorkflowBody extends OperatorBody {
  @OneOf(...CONTROL_ACTIONS)
  action!: (typeof CONTROL_ACTIONS)[number];

  @RetriedStep()
  step_id?: string | null;
}

const EXECUTE_MODES = ['next_step', 'remaining'] as const;

export class ExecuteWorkflowBody extends OperatorBody {
  @OneOf(...EXECUTE_MODES)
  mode!: (typeof EXECUTE_MODES)[number];
}

export const controlOrder = ({ action, step_id }: ControlWorkflowBody): ControlOrder => {
  switch (action) {
    case 'pause':
      return { type: 'PauseWorkflow', data: {} };
    case 'resume':
      return { type: 'ResumeWorkflow', data: {} };
    case 'cancel':
      return { type: 'CancelWorkflow', data: {} };
    case 'retry':
      return { type: 'RetryStep', data: { stepId: (step_id ?? '').toLowerCase() } };
  }
};

export const executeOrder = ({ mode }: ExecuteWorkflowBody): ControlOrder =>
  mode === 'next_step' ? { type: 'ExecuteNextStep', data: {} } : { type: 'ExecuteRemaining', data: {} };
