import { unreachable } from '../../domain/decider.js';
import { emptyCheckpoint } from '../../domain/workflow/summary.js';
import type { WorkflowEvent, WorkflowStarted } from '../../domain/workflow/events.js';
import type { ExecutionView } from '../queries/read-model.js';
import { errorColumns, noError, notPaused, pauseColumns } from './columns.js';
import {
  instant,
  instantOrNull,
  type Change,
  type ProjectedEvent,
  type Projection,
  type Update,
} from './projection.js';

type Row = ExecutionView;
type Part = Readonly<{ set?: Partial<Row> }> & Pick<Update<Row>, 'fill' | 'merge'>;

/** One row for an execution. Every event moves its revision; an event of an unknown type moves nothing else. */
export const workflowExecutions: Projection<Row> = {
  table: 'workflow_executions',
  version: 1,

  project({ executionId, recorded, event, metadata, at }: ProjectedEvent): readonly Change<Row>[] {
    const [revision, position] = [String(recorded.revision), String(recorded.position)];
    const key = { id: executionId };
    if (!event) return [{ op: 'update', key, set: { revision, position } }];
    const { summary } = metadata;
    const standing = {
      current_state: summary.state,
      current_step: summary.step,
      next_step: summary.nextStep,
      percent_complete: summary.percentComplete,
      next_action_at: instantOrNull(summary.nextActionAt),
      ...pauseColumns(event, summary.state),
      updated_at: at,
      revision,
      position,
    };
    if (event.type === 'WorkflowStarted') {
      return [
        { op: 'insert', row: { id: executionId, ...born(event.data), created_at: at, ...standing, ...notPaused } },
      ];
    }
    const { set, fill, merge } = changedBy(event, at);
    return [{ op: 'update', key, set: Object.assign(standing, set), fill, merge }];
  },
};

const changedBy = (event: Exclude<WorkflowEvent, { type: 'WorkflowStarted' }>, at: Date): Part => {
  switch (event.type) {
    case 'WorkflowResumed':
    case 'NextStepRequested':
    case 'RemainingStepsRequested':
    case 'StepSkipped':
    case 'StepProgressed':
      return {};
    case 'WorkflowPaused': {
      const { exhausted } = event.data;
      return exhausted ? { set: errorColumns(exhausted.error) } : {};
    }
    case 'WorkflowCompleted':
      return { set: { completed_at: at } };
    case 'WorkflowFailed':
      return { set: { completed_at: at, ...errorColumns(event.data.error) } };
    case 'WorkflowCancelled':
      return { set: { completed_at: at, worker: null } };
    case 'StepStarted': {
      const { worker, startedAt } = event.data;
      return { set: { worker }, fill: { started_at: instant(startedAt) } };
    }
    case 'StepCompleted': {
      const { step, output } = event.data;
      return {
        set: { worker: null },
        merge: [
          { column: 'checkpoint_data', path: [], value: { last_completed_step: step } },
          { column: 'checkpoint_data', path: ['intermediate_results'], value: output },
        ],
      };
    }
    // No worker's silence says anything of a deferred attempt.
    case 'StepDeferred':
    case 'StepFailed':
    case 'StepInterrupted':
      return { set: { worker: null } };
    case 'StepRetryRequested':
      return { set: { worker: null, completed_at: null, ...noError } };
    default:
      return unreachable(event);
  }
};

const born = (data: WorkflowStarted) => ({
  project_id: data.projectId,
  document_type: data.documentType,
  workflow_name: data.definition.name,
  definition_hash: data.definitionHash,
  triggered_by: data.triggeredBy,
  auto_execute: data.autoExecute,
  checkpoint_data: emptyCheckpoint,
  metadata: data.metadata,
  started_at: null,
  completed_at: null,
  worker: null,
  ...noError,
});
