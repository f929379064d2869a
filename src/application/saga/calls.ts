import type { StepStarted } from '../../domain/workflow/events.js';
import { currentStep, type ExistingWorkflow, type WorkflowState } from '../../domain/workflow/state.js';
import type { ExpectedRevision } from '../log/event-log.js';

/** Why a call ended before its agent answered. */
export type EndCause = 'deadline' | 'over' | 'shutdown';

/** An attempt of ours, and the revision with which its StepStarted came into the log. */
type Claimed = Readonly<{ started: StepStarted; revision: bigint }>;

type Call = Claimed & {
  readonly abort: AbortController;
  done: Promise<unknown>;
};

type View = Readonly<{ state: WorkflowState; revision: ExpectedRevision }>;

/** The agent calls that this instance has in flight: at most one for an execution, as its steps run in order. */
export class Calls {
  private readonly calls = new Map<string, Call>();

  /** The call is in flight until what `make` returns has settled. */
  track<T>(
    executionId: string,
    { started, revision }: Claimed,
    make: (abort: AbortController) => Promise<T>,
  ): Promise<T> {
    const call: Call = { started, revision, abort: new AbortController(), done: Promise.resolve() };
    this.calls.set(executionId, call);
    const result = make(call.abort);
    const over = () => {
      // A later attempt of the same execution may have taken its place.
      if (this.calls.get(executionId) === call) this.calls.delete(executionId);
    };
    // Told before the caller, who waits for the result from now on.
    call.done = result.then(over, over);
    return result;
  }

  has(executionId: string): boolean {
    return this.calls.has(executionId);
  }

  /** Resolves when every call that is in flight now has ended. */
  async drained(): Promise<void> {
    await Promise.all([...this.calls.values()].map(({ done }) => done));
  }

  abortAll(cause: EndCause): void {
    for (const { abort } of this.calls.values()) abort.abort(cause);
  }

  /**
   * Ends the execution's call where the history no longer wants its result: cancelled, retried, taken over. A view from
   * before the claim, as a slow command may return it, does not know the call and ends nothing.
   */
  abortIfOver(executionId: string, { state, revision }: View): void {
    const call = this.calls.get(executionId);
    if (!call || revision === 'none' || revision < call.revision) return;
    if (state.status === 'none' || !isWanted(state, call.started)) call.abort.abort('over' satisfies EndCause);
  }
}

const isWanted = (state: ExistingWorkflow, { stepId, attempt }: StepStarted): boolean => {
  const step = currentStep(state)?.step;
  const live = state.status === 'running' || state.status === 'paused';
  return live && step?.status === 'running' && step.id === stepId && step.attempt === attempt;
};
