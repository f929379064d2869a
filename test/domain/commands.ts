/** Commands in the words of the tests; `ms` is the time after T0 at which each is given. */
import type { JsonObject } from '../../src/domain/json.js';
import type { WorkflowCommand } from '../../src/domain/workflow/commands.js';
import type { InterruptCause } from '../../src/domain/workflow/events.js';
import type { StepError } from '../../src/domain/workflow/retry-policy.js';
import { dateAt, transient, workflowStarted } from '../support/histories.js';

type StepRef = Readonly<{ id: string }>;

export const startWorkflow = (started = workflowStarted(), ms = 0): WorkflowCommand => ({
  type: 'StartWorkflow',
  data: started.data,
  at: dateAt(ms),
});
export const pause = (ms = 0): WorkflowCommand => ({ type: 'PauseWorkflow', data: {}, at: dateAt(ms) });
export const resume = (ms = 0): WorkflowCommand => ({ type: 'ResumeWorkflow', data: {}, at: dateAt(ms) });
export const cancel = (ms = 0): WorkflowCommand => ({ type: 'CancelWorkflow', data: {}, at: dateAt(ms) });
export const nextStep = (ms = 0): WorkflowCommand => ({ type: 'ExecuteNextStep', data: {}, at: dateAt(ms) });
export const remaining = (ms = 0): WorkflowCommand => ({ type: 'ExecuteRemaining', data: {}, at: dateAt(ms) });
export const retry = ({ id }: StepRef, ms = 0): WorkflowCommand => ({
  type: 'RetryStep',
  data: { stepId: id },
  at: dateAt(ms),
});

export const start = ({ id }: StepRef, attempt: number, ms = 0, worker = 'worker-a'): WorkflowCommand => ({
  type: 'StartStep',
  data: { stepId: id, attempt, worker },
  at: dateAt(ms),
});
export const complete = ({ id }: StepRef, attempt: number, ms = 0, output: JsonObject = {}): WorkflowCommand => ({
  type: 'CompleteStep',
  data: { stepId: id, attempt, output, artifacts: [], agentMetadata: {} },
  at: dateAt(ms),
});
export const fail = (
  { id }: StepRef,
  attempt: number,
  ms = 0,
  { error = transient, retryAfterMs = null }: { error?: StepError; retryAfterMs?: number | null } = {},
): WorkflowCommand => ({ type: 'FailStep', data: { stepId: id, attempt, error, retryAfterMs }, at: dateAt(ms) });
export const defer = ({ id }: StepRef, attempt: number, ms = 0): WorkflowCommand => ({
  type: 'DeferStep',
  data: { stepId: id, attempt },
  at: dateAt(ms),
});
export const progress = (
  { id }: StepRef,
  attempt: number,
  ms = 0,
  { percent = null, message = null }: { percent?: number | null; message?: string | null } = {},
): WorkflowCommand => ({ type: 'ProgressStep', data: { stepId: id, attempt, percent, message }, at: dateAt(ms) });
export const expire = ({ id }: StepRef, attempt: number, ms = 0): WorkflowCommand => ({
  type: 'ExpireHeartbeat',
  data: { stepId: id, attempt },
  at: dateAt(ms),
});
export const interrupt = (
  { id }: StepRef,
  attempt: number,
  ms = 0,
  cause: InterruptCause = 'worker_lost',
): WorkflowCommand => ({ type: 'InterruptStep', data: { stepId: id, attempt, cause }, at: dateAt(ms) });
