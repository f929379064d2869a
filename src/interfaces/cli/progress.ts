/** One line for each step of an execution, written when the step moves. */

type StepLine = Readonly<{ step_name: string; status: string; attempt: number; duration_ms: number | null }>;
export type Snapshot = Readonly<{
  execution: Readonly<{ current_state: string; percent_complete: number; error_message: string | null }>;
  steps: readonly StepLine[];
}>;

const MARKS: Readonly<Record<string, string>> = {
  running: '…',
  waiting: '↻',
  completed: '✔',
  skipped: '–',
  failed: '✘',
  cancelled: '✘',
};

export class Progress {
  private readonly shown = new Map<string, string>();

  constructor(private readonly write: (line: string) => void) {}

  /** Writes a line for each step whose status or attempt is new since the last snapshot. */
  show({ execution, steps }: Snapshot): void {
    for (const step of steps) {
      const key = `${step.status}/${step.attempt}`;
      if (step.status === 'pending' || this.shown.get(step.step_name) === key) continue;
      this.shown.set(step.step_name, key);
      this.write(lineOf(step, execution));
    }
  }
}

const lineOf = (step: StepLine, { current_state, percent_complete }: Snapshot['execution']): string => {
  const state = step.status === 'running' ? current_state : step.status;
  const time = step.duration_ms === null ? '' : `${(step.duration_ms / 1000).toFixed(2)} s`;
  const again = step.attempt > 1 ? `attempt ${step.attempt}` : '';
  return `  ${MARKS[step.status] ?? '?'} ${step.step_name.padEnd(10)} ${state.padEnd(12)} ${String(percent_complete).padStart(3)} %  ${time.padStart(8)}  ${again}`.trimEnd();
};
