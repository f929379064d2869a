/** The saga's own commands: what they hold, who gives them, and under which trace. */
import type { StepCommand } from '../../domain/workflow/commands.js';
import { currentStep, type ExistingWorkflow } from '../../domain/workflow/state.js';
import { checkpointOf } from '../../domain/workflow/summary.js';
import type { AgentInput } from '../agents/agents.js';
import type { Actor } from '../log/envelope.js';
import { hashOf } from '../log/event-hash.js';
import type { Ids } from '../log/ids.js';
import type { Clock } from '../runtime/clock.js';
import type { CommandEnvelope } from '../workflow/workflows.js';

const SAGA: Actor = { type: 'system', id: 'workflow-saga' };

type Origin = Readonly<{
  causationId: string | null;
  traceparent: string | null;
}>;

/** Nothing in the log led to it. */
export const NO_CAUSE: Origin = { causationId: null, traceparent: null };

export const envelopeOf = (
  { ids, clock }: Readonly<{ ids: Ids; clock: Clock }>,
  command: StepCommand,
  { causationId, traceparent }: Origin,
  actor: Actor = SAGA,
): CommandEnvelope => ({
  command,
  context: { commandId: ids.uuid(), at: clock.now(), actor, reason: null, causationId, traceparent },
});

/** The agent gives what it answered; the saga gives what it noticed itself: a timeout, an interruption. */
export const actorOf = (report: StepCommand, { agent }: Readonly<{ agent: string }>): Actor =>
  report.type === 'CompleteStep' ||
  report.type === 'DeferStep' ||
  (report.type === 'FailStep' && report.data.error.code !== 'TIMEOUT')
    ? { type: 'agent', id: agent }
    : SAGA;

/** One trace for an execution, one span for an attempt. W3C trace context, level 1. */
export const traceparentFor = (executionId: string, startedEventId: string): string =>
  `00-${hex(executionId, 32)}-${hex(startedEventId, 16)}-01`;

const hex = (uuid: string, length: number) => uuid.replaceAll('-', '').slice(0, length);

/** The claim of an attempt, with the hash of what its agent will be sent. */
export const startStep = (
  state: ExistingWorkflow,
  { stepId, attempt }: Readonly<{ stepId: string; attempt: number }>,
  worker: string,
): StepCommand => ({ type: 'StartStep', data: { stepId, attempt, worker, inputHash: inputHashOf(state, attempt) } });

/** What an agent is sent. Large values of the checkpoint stand in it as the references that the history holds. */
export const agentInput = (state: ExistingWorkflow, step: string, attempt: number): AgentInput => ({
  execution_id: state.executionId,
  project_id: state.projectId,
  document_type: state.documentType,
  step,
  attempt,
  metadata: state.metadata,
  checkpoint: checkpointOf(state),
});

/**
 * SHA-256 (hex) of that input's canonical JSON. A reference names the hash of its value, so this covers every byte that the
 * agent is sent, and can be worked out from the history alone: no value is fetched for it.
 */
const inputHashOf = (state: ExistingWorkflow, attempt: number): string =>
  hashOf(agentInput(state, currentStep(state)?.definition.name ?? '', attempt));
