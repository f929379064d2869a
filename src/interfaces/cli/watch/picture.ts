/** The execution as a stream has shown it so far. Pure: a picture and a message give the next picture. */
import type { ShownChange } from '../../http/streams/event-message.js';

/** Columns of a step as JSON has them. */
export type Step = Readonly<{
  id: string;
  step_name: string;
  status: string;
  attempt: number;
  started_at: string | null;
  duration_ms: number | null;
  deadline_at: string | null;
  retry_at: string | null;
  error_type: string | null;
  error_message: string | null;
  progress_percent: number | null;
  progress_message: string | null;
}>;

type Execution = Readonly<{ id: string; workflow_name: string; project_id: string; current_state: string }> &
  Readonly<{ percent_complete: number }>;

export type ShownEvent = Readonly<{
  event_type: string;
  recorded_at: string;
  data: unknown;
}>;

export type Picture = Readonly<{
  execution: Execution;
  steps: readonly Step[];
  /** The latest, oldest first. */
  events: readonly ShownEvent[];
  /** The state in which it ended; null: it goes on. */
  ended: string | null;
}>;

export type Message =
  | Readonly<{ event: 'snapshot'; data: Readonly<{ execution: Execution; steps: readonly Step[] }> }>
  | Readonly<{
      event: 'event';
      data: Readonly<{
        event: ShownEvent;
        execution: Readonly<{ current_state: string | null; percent_complete: number | null }>;
        steps: readonly ShownChange[];
      }>;
    }>
  | Readonly<{ event: 'end'; data: Readonly<{ reason: string }> }>;

export const KEPT_EVENTS = 5;

/** @returns null while nothing can be shown: a stream begins with a snapshot */
export const next = (picture: Picture | null, message: Message): Picture | null => {
  if (message.event === 'snapshot') {
    const { execution, steps } = message.data;
    return { execution, steps, events: picture?.events ?? [], ended: null };
  }
  if (!picture) return null;
  if (message.event === 'end') return { ...picture, ended: message.data.reason };
  const { event, execution, steps } = message.data;
  const { current_state, percent_complete } = picture.execution;
  return {
    execution: {
      ...picture.execution,
      current_state: execution.current_state ?? current_state,
      percent_complete: execution.percent_complete ?? percent_complete,
    },
    steps: steps.reduce(changed, picture.steps),
    events: [...picture.events, event].slice(-KEPT_EVENTS),
    ended: null,
  };
};

const changed = (steps: readonly Step[], change: ShownChange): readonly Step[] => {
  if ('insert' in change) return [...steps, change.insert as unknown as Step];
  const { match, where, set } = change as unknown as Readonly<{
    match: Partial<Step>;
    where?: Readonly<{ column: keyof Step; among: readonly unknown[] }>;
    set: Partial<Step>;
  }>;
  const isMeant = (step: Step) =>
    Object.entries(match).every(([name, value]) => step[name as keyof Step] === value) &&
    (!where || where.among.includes(step[where.column]));
  return steps.map((step) => (isMeant(step) ? { ...step, ...set } : step));
};
