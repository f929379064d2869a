import { CommandRejected } from '../../domain/errors.js';
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import type { ExistingWorkflow, WorkflowState } from '../../domain/workflow/state.js';
import type { ExpectedRevision } from '../log/event-log.js';
import type { Folded } from './fold-cache.js';

export type AppendedEvent = Readonly<{ id: string; event: WorkflowEvent }>;

export type Outcome = Readonly<{
  state: ExistingWorkflow;
  /** What the first order alone made of the execution, before anything that followed in the same append. */
  answer: ExistingWorkflow;
  revision: bigint;
  /** Of the last event appended; null when nothing was. */
  position: bigint | null;
  /** When the execution was started, ISO-8601 UTC. */
  createdAt: string;
  /** Empty when the command changed nothing. */
  appended: readonly AppendedEvent[];
}>;

export const unchanged = ({ state, revision, createdAt }: Folded): Outcome => ({
  state: existing(state),
  answer: existing(state),
  revision: known(revision),
  position: null,
  createdAt,
  appended: [],
});

/** @throws CommandRejected where there is none */
export const existing = (state: WorkflowState): ExistingWorkflow => {
  if (state.status === 'none') throw new CommandRejected('NotFound', 'There is no such execution');
  return state;
};

const known = (revision: ExpectedRevision): bigint => {
  if (revision === 'none') throw new CommandRejected('NotFound', 'There is no such execution');
  return revision;
};
