import type { ExpectedRevision, RecordedEvent } from './event-log.js';
import { parseMetadata } from './envelope.js';
import { linkOf } from './event-hash.js';
import { workflow } from '../domain/workflow/index.js';
import type { WorkflowState } from '../domain/workflow/state.js';
import { upcast } from '../domain/workflow/upcast.js';

/** How many of an execution's commands are remembered, to recognise a repeat. */
const REMEMBERED_COMMANDS = 100;

/** An execution as far as it has been read. */
export type Folded = Readonly<{
  state: WorkflowState;
  revision: ExpectedRevision;
  /** When it was started, ISO-8601 UTC; empty before. */
  createdAt: string;
  /** The latest commands that left events. */
  commands: readonly string[];
  /** Of the last event, for the next one to name; null before the first. */
  link: string | null;
}>;

export const unread: Folded = {
  state: workflow.initialState,
  revision: 'none',
  createdAt: '',
  commands: [],
  link: null,
};

/** @throws where a stored event is not what this application writes: such an execution stands still rather than go wrong */
export const foldRecorded = (folded: Folded, event: RecordedEvent): Folded => {
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
};

export const remember = (commands: readonly string[], commandId: string): readonly string[] =>
  commands.at(-1) === commandId ? commands : [...commands.slice(1 - REMEMBERED_COMMANDS), commandId];

/** The executions used last. A stale entry costs a conflict and a second read, never a wrong decision. */
export class FoldCache {
  private readonly entries = new Map<string, Folded>();

  constructor(private readonly limit: number) {}

  get(executionId: string): Folded | undefined {
    const entry = this.entries.get(executionId);
    if (entry) {
      this.entries.delete(executionId);
      this.entries.set(executionId, entry);
    }
    return entry;
  }

  /** An older view never replaces a newer one. */
  put(executionId: string, folded: Folded): void {
    const present = this.entries.get(executionId);
    if (present && isNewer(present.revision, folded.revision)) return;
    this.entries.delete(executionId);
    this.entries.set(executionId, folded);
    if (this.entries.size > this.limit) this.entries.delete(this.entries.keys().next().value!);
  }

  forget(executionId: string): void {
    this.entries.delete(executionId);
  }
}

const isNewer = (a: ExpectedRevision, b: ExpectedRevision) => a !== 'none' && (b === 'none' || a > b);
