/** What the agent of the step that is next is sent. */
import { checkpointOf } from '../../domain/workflow/checkpoint.js';
import type { StepCommand } from '../../domain/workflow/commands.js';
import { currentStep, type ExistingWorkflow } from '../../domain/workflow/state.js';
import type { AgentInput } from '../agents/agents.js';
import { hashOf } from '../log/event-hash.js';

/** Large values of the checkpoint stand in it as the references that the history holds. */
export const agentInput = (state: ExistingWorkflow, step: string, attempt: number): AgentInput => ({
  execution_id: state.executionId,
  project_id: state.projectId,
  document_type: state.documentType,
  step,
  attempt,
  metadata: state.metadata,
  checkpoint: checkpointOf(state),
});

/** The claim of an attempt, with what its agent will be sent. */
export const startStep = (
  state: ExistingWorkflow,
  { stepId, attempt }: Readonly<{ stepId: string; attempt: number }>,
  worker: string,
): StepCommand => ({ type: 'StartStep', data: { stepId, attempt, worker, inputHash: inputHashOf(state, attempt) } });

/**
 * SHA-256 (hex) of that input's canonical JSON. A reference names the hash of its value, so this tells every byte that the
 * agent is sent, and can be worked out from the history alone: no value is fetched for it.
 */
const inputHashOf = (state: ExistingWorkflow, attempt: number): string =>
  hashOf(agentInput(state, currentStep(state)?.definition.name ?? '', attempt));
