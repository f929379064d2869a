import { workflow } from '../../domain/workflow/index.js';
import { hasEnded, type WorkflowState, type ExistingWorkflow } from '../../domain/workflow/state.js';
import { upcast } from '../../domain/workflow/event-shapes.js';
import { CommandRejected } from '../../domain/decider.js';
import type { WorkflowEvent } from '../../domain/workflow/events.js';
import { HistoryUnreadable, type ExpectedRevision, type RecordedEvent } from '../log/event-log.js';
import { reasonOf } from '../runtime/errors.js';
import { parseMetadata } from '../log/envelope.js';
import { linkOf } from '../log/event-hash.js';
import { remember, type StreamFold } from '../log/stream-writer.js';

/** An execution as far as it has been read. */
export type Folded = StreamFold &
  Readonly<{
    state: WorkflowState;
    /** When it was started, ISO-8601 UTC; empty before. */
    createdAt: string;
  }>;

export const unread: Folded = {
  state: workflow.initialState,
  revision: 'none',
  createdAt: '',
  commands: [],
  link: null,
};

/** @throws HistoryUnreadable where an event is not what this application writes: such an execution stands still rather than go wrong */
export const foldRecorded = (folded: Folded, event: RecordedEvent): Folded => {
  try {
    const known = upcast(event.type, event.data);
    const link = linkOf(event);
    if (!known) return { ...folded, revision: event.revision, link };
    const { commandId, occurredAt } = parseMetadata(event.metadata);
    return {
      state: workflow.evolve(folded.state, known),
      revision: event.revision,
      createdAt: folded.createdAt || occurredAt,
      commands: remember(folded.commands, commandId),
      link,
    };
  } catch (error) {
    throw new HistoryUnreadable(event, reasonOf(error));
  }
};

/** Of the executions that are kept, those that have ended: they carry all outputs, and are rarely asked for again. */
const ENDED_SHARE = 0.05;

/** The executions used last. A stale entry costs a conflict and a second read, never a wrong decision. */
export class FoldCache {
  private readonly unfinished: LastUsed;
  private readonly ended: LastUsed;

  constructor(limit: number) {
    this.unfinished = new LastUsed(limit);
    this.ended = new LastUsed(Math.ceil(limit * ENDED_SHARE));
  }

  get(executionId: string): Folded | undefined {
    return this.unfinished.get(executionId) ?? this.ended.get(executionId);
  }

  /** An older view never replaces a newer one. */
  put(executionId: string, folded: Folded): void {
    const present = this.get(executionId);
    if (present && isNewer(present.revision, folded.revision)) return;
    const [here, there] = hasEnded(folded.state.status) ? [this.ended, this.unfinished] : [this.unfinished, this.ended];
    there.forget(executionId);
    here.put(executionId, folded);
  }

  forget(executionId: string): void {
    this.unfinished.forget(executionId);
    this.ended.forget(executionId);
  }
}

class LastUsed {
  private readonly entries = new Map<string, Folded>();

  constructor(private readonly limit: number) {}

  get(executionId: string): Folded | undefined {
    const entry = this.entries.get(executionId);
    if (entry) this.put(executionId, entry);
    return entry;
  }

  put(executionId: string, folded: Folded): void {
    this.entries.delete(executionId);
    this.entries.set(executionId, folded);
    if (this.entries.size > this.limit) this.entries.delete(this.entries.keys().next().value!);
  }

  forget(executionId: string): void {
    this.entries.delete(executionId);
  }
}

const isNewer = (a: ExpectedRevision, b: ExpectedRevision) => a !== 'none' && (b === 'none' || a > b);

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
