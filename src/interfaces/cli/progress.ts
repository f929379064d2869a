/** An execution's events as lines for people: one for each thing that happens to a step. */

export type ShownEvent = Readonly<{
  revision: string;
  event_type: string;
  current_state: string;
  percent_complete: number;
  data: Readonly<{
    step?: string;
    attempt?: number;
    durationMs?: number;
    retryAt?: string | null;
    error?: Readonly<{ message: string }>;
  }>;
}>;

/** Undefined for events that are about no step. */
export const lineOf = ({ event_type, current_state, percent_complete, data }: ShownEvent): string | undefined => {
  const line = (mark: string, what: string, more = '') => {
    const time = data.durationMs === undefined ? '' : `${(data.durationMs / 1000).toFixed(2)} s`;
    const percent = `${String(percent_complete).padStart(3)} %`;
    return `  ${mark} ${(data.step ?? '').padEnd(10)} ${what.padEnd(12)} ${percent}  ${time.padStart(8)}  ${more}`.trimEnd();
  };
  switch (event_type) {
    case 'StepStarted':
      return line('…', current_state, data.attempt === 1 ? '' : `attempt ${data.attempt}`);
    case 'StepCompleted':
      return line('✔', 'completed');
    case 'StepFailed':
      return line('✘', data.retryAt ? 'tried again' : 'failed', data.error?.message);
    case 'StepSkipped':
      return line('–', 'skipped');
    case 'StepInterrupted':
      return line('↻', 'interrupted', 'it starts again');
    default:
      return undefined;
  }
};
